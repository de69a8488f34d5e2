import type { Mirror } from './model.ts';
import { serverLines } from './target.ts';

/** On this port of the loopback a proxy takes the copies that it makes, and sends them to whom they are for. */
export const mirrorPort = 61_998;
export const mirrorFile = 'mirror.lua';

const address = `127.0.0.1:${mirrorPort}`;
const largestBodyBytes = 256 * 1024;
const mostHeldBytes = 8 * 1024 * 1024;
const mostCopies = 64;
const timeoutMs = 10_000;

/** The line of a backend whose requests are copied; `name`: of the section that has the servers. */
export const mirrorLine = ({ numerator, denominator }: Mirror, name: string): string =>
  `filter lua.mirror ${name} ${numerator} ${denominator}`;

/** The lines of the section of those who get a copy, without its name. */
export const mirrorServerLines = ({ servers }: Mirror): string[] => serverLines(servers);

/**
 * The way of copies through the same proxy: it knows all methods, HTTP/2 and weights, which haproxy's client in Lua does not. An
 * answer is over with its first line. With defaults of its own, as who asked is in the headers already.
 */
export const mirrorPreamble = `defaults
  mode http
  timeout http-request 10s
  timeout connect 5s
  timeout client ${timeoutMs}ms
  timeout server ${timeoutMs}ms

frontend mirrors
  bind ${address}
  http-request set-var(txn.mirror) req.hdr(x-knarr-mirror-to)
  http-request set-method %[req.hdr(x-knarr-mirror-method)]
  http-request del-header accept if { req.hdr(x-knarr-mirror-no-accept) -m found }
  http-request del-header user-agent if { req.hdr(x-knarr-mirror-no-user-agent) -m found }
  http-request del-header x-knarr-mirror- -m beg
  http-response return status 204
  use_backend %[var(txn.mirror)]
`;

/**
 * haproxy 2.6 cannot copy requests by itself. This filter keeps what goes by, as the rules have left it, and sends it when it
 * is complete, beside the request: nothing waits for it. Each of haproxy's threads has its own Lua (the locks around one for all are
 * broken in 2.6), so limits are a thread's. What is beyond them is not copied: a part of a body would be another request.
 */
export const mirrorProgram = `local largestBody, mostHeld, mostCopies = ${largestBodyBytes}, ${mostHeldBytes}, ${mostCopies}
local held, copies = 0, 0
-- The connection's own, and what the client asks for.
local skipped = { connection = true, expect = true, ["transfer-encoding"] = true }
math.randomseed(os.time())

local Mirror = { id = "mirror", flags = filter.FLT_CFG_FL_HTX }

function Mirror:new()
  return setmetatable({}, { __index = self })
end

local function forget(copy)
  held = held - copy.size
  copy.size, copy.chunks, copy.headers = 0, nil, nil
end

local function send(copy)
  local client = core.httpclient()
  local ask = client[string.lower(copy.method)] or client.post
  local body = #copy.chunks > 0 and table.concat(copy.chunks) or nil
  ask(client, { url = "http://${address}" .. copy.path, headers = copy.headers, body = body, timeout = ${timeoutMs} })
end

local on = {}

function on.http_headers(copy, txn, message)
  if math.random(copy.denominator) > copy.numerator then return end
  copy.path, copy.method = txn.sf:pathq(), txn.sf:method()
  copy.size, copy.chunks, copy.headers = 0, {}, {}
  for name, values in pairs(message:get_headers()) do
    local list = {}
    for i = 0, #values do list[#list + 1] = values[i] end
    if not skipped[name] then copy.headers[name] = list end
  end
  -- The client adds those that are missing.
  for _, name in ipairs({ "accept", "user-agent" }) do
    if not copy.headers[name] then copy.headers["x-knarr-mirror-no-" .. name] = { "1" } end
  end
  copy.headers["x-knarr-mirror-to"], copy.headers["x-knarr-mirror-method"] = { copy.to }, { copy.method }
  filter.register_data_filter(copy, message.channel)
end

function on.http_payload(copy, _, message)
  local chunk = copy.chunks and message:body()
  if not chunk or #chunk == 0 then return end
  if copy.size + #chunk > largestBody or held + #chunk > mostHeld then return forget(copy) end
  copy.size, held = copy.size + #chunk, held + #chunk
  copy.chunks[#copy.chunks + 1] = chunk
end

function on.http_end(copy)
  if not copy.chunks or copies >= mostCopies then return end
  copies, copy.isSent = copies + 1, true
  core.register_task(function()
    pcall(send, copy)
    copies = copies - 1
    forget(copy)
  end)
end

function on.end_analyze(copy)
  if copy.chunks and not copy.isSent then forget(copy) end
end

-- An error would end the request.
for name, run in pairs(on) do
  Mirror[name] = function(copy, txn, message)
    local channel = message.channel or message
    if not channel:is_resp() then pcall(run, copy, txn, message) end
  end
end

core.register_filter("mirror", Mirror, function(base, args)
  base.to, base.numerator, base.denominator = args[1], tonumber(args[2]), tonumber(args[3])
  return base
end)
`;
