/** Each asks the program that is being completed, whatever its path, and offers files where that has nothing to say. */
export const completionScripts = {
  bash: `# bash completion for knarr
_knarr() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _knarr knarr
`,
  zsh: `#compdef knarr
_knarr() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then compadd -- "\${candidates[@]}"; else _files; fi
}
if [[ "\${funcstack[1]}" = _knarr ]]; then _knarr "$@"; else compdef _knarr knarr; fi
`,
  fish: `# fish completion for knarr
function __knarr_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l candidates ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test (count $candidates) -gt 0
    printf '%s\\n' $candidates
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c knarr -f -a '(__knarr_complete)'
`,
};

export type Shell = keyof typeof completionScripts;
