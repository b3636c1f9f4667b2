# fish completion for fcgi-pm. It asks fcgi-pm itself what may stand at the cursor.

function __fcgi_pm_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    type -q -- $program; or set program fcgi-pm
    set -l before (string match -r -- '^--[^=]+=' "$current")
    for line in ($program __complete fish $words "$current" 2>/dev/null </dev/null)
        switch $line
            case :files
                __fish_complete_path (string replace -r -- '^--[^=]+=' '' "$current") | string replace -r -- '^' "$before"
            case :directories
                __fish_complete_directories (string replace -r -- '^--[^=]+=' '' "$current") '' | string replace -r -- '^' "$before"
            case '*'
                echo $line
        end
    end
end

complete -c fcgi-pm -f -a '(__fcgi_pm_complete)'
