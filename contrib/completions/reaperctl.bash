# SPDX-License-Identifier: LGPL-2.1-or-later
# Bash completion for reaperctl: commands, options, their words, build roots and actions of the daemon that answers.
# Goes to /usr/share/bash-completion/completions/reaperctl.

_reaperctl_ask() {
	timeout 1 reaperctl "${_reaperctl_where[@]}" --noheadings --raw "$@" 2>/dev/null
}

# Lines of stdin as candidates for the word at hand; -W would let the shell expand what is in a name.
_reaperctl_lines() {
	local line
	while IFS= read -r line; do
		[[ $line == "$1"* ]] && COMPREPLY+=("$(printf '%q' "$line")")
	done
}

_reaperctl() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" i
	local globals="--socket --db --json --output --noheadings --raw --help --version"
	local commands="status actions mounts events explain audit reap pause resume begin end run mount umount hook metrics config db"
	local -a _reaperctl_where=()

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --db)
			_reaperctl_where=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		-o | --output) ((i++)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	case $previous in
	--socket | --db | --config)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--root)
		_reaperctl_lines "$word" < <(_reaperctl_ask status -o ROOT)
		[[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--state)
		mapfile -t COMPREPLY < <(compgen -W "active suspect over reaping cleared stuck" -- "$word")
		return
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W "text json nagios prometheus" -- "$word")
		return
		;;
	--type)
		mapfile -t COMPREPLY < <(compgen -W "attach detach move remount flash begin end evidence attempt reaped refused stuck overflow \
			rescan start stop reload pause resume" -- "$word")
		return
		;;
	--action)
		_reaperctl_lines "$word" < <(_reaperctl_ask actions -o NAME)
		return
		;;
	esac

	local options=
	case $command in
	"")
		mapfile -t COMPREPLY < <(compgen -W "$commands $globals" -- "$word")
		return
		;;
	status) options="--check" ;;
	actions) options="--root --state --all" ;;
	mounts) options="--root --tree --all --at" ;;
	events) options="--follow --after --since --until --action --type --root" ;;
	explain | resume) options="--root" ;;
	audit) options="--root --config --format --quiet" ;;
	reap) options="--leftovers --root --dry-run --wait --timeout --active" ;;
	pause) options="--root --for" ;;
	begin) options="--root --pid --max-age" ;;
	run) options="--root --name --mount --device --chroot --timeout" ;;
	mount) options="--root --action --type --options --pid --max-age --timeout" ;;
	umount) options="--lazy --force --under --config --timeout" ;;
	hook) options="--sentinel --root --timeout" ;;
	end) options="--root --generation" ;;
	esac
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options $globals" -- "$word")
		return
	fi
	case $command in
	mounts | explain | reap | end) _reaperctl_lines "$word" < <(_reaperctl_ask actions -o NAME) ;;
	config)
		if [[ $previous == check ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -W "check show" -- "$word")
		fi
		;;
	db) mapfile -t COMPREPLY < <(compgen -W "check" -- "$word") ;;
	esac
}

complete -F _reaperctl reaperctl
