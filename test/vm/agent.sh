#!/bin/bash
# Runs in the guest: takes commands from the port, one a line, `ID BASE64-OF-SCRIPT`, and answers each line that a script says
# with `ID|line` and its end with `ID!exit-code`. Several run side by side.
# The port may come after us.
until [ -c /dev/virtio-ports/vm.commands ]; do sleep 0.1; done
exec 3<>/dev/virtio-ports/vm.commands
echo 'ready' >&3
while read -r id script; do
  (
    bash -c "$(base64 -d <<<"$script")" </dev/null 2>&1 3>&- | sed -u "s/^/$id|/" >&3
    printf '\n%s!%s\n' "$id" "${PIPESTATUS[0]}" >&3
  ) &
done <&3
