# SPDX-License-Identifier: Apache-2.0
# How fast the targets are. Sourced by run.
# shellcheck shell=bash disable=SC2154

# speed TARGET FOLDER: executions a second and microseconds a reset. A device's target brings its device up and has it do one
# request; any other goes through its committed corpus.
speed() {
	local plain inputs begin end
	plain=$(program fuzz-plain)
	if "$plain" --bench "$1" 2>/dev/null | awk '{ print $2, $5 }' | grep .; then
		return
	fi
	begin=${EPOCHREALTIME/[.,]/}
	inputs=$("$plain" "$1" "$2" "$2" "$2" "$2" "$2" "$2" "$2" "$2" | awk '{ print $1 }')
	end=${EPOCHREALTIME/[.,]/}
	echo "$((inputs * 1000000 / (end - begin))) -"
}

edges() {
	"$(program_of fuzz "$1")" -runs=0 "$2" 2>&1 </dev/null | awk '/INITED/ { for (i = 1; i < NF; i++) if ($i == "cov:") print $(i + 1) }'
}

# measured TARGET: how long each planted bug took that it is to find, out of the committed table.
measured() {
	awk -F ' *[|] *' -v target="$1" '$2 ~ /^[0-9][0-9]$/ && $4 == target {
		printf "%s%s %s", sep, $2, $5 == "not found" ? "-" : $5
		sep = ", "
	}' "$fuzz/planted/README.md"
}

# goal TARGET SPEED RESET: what is asked of it, and whether it is met.
goal() {
	local least=
	case $1 in
	rng-mmio | rng-pci | pl011 | uart16550) least=100000 ;;
	blk-mmio | blk-pci) least=30000 ;;
	*) return ;;
	esac
	awk -v target="$1" -v speed="$2" -v reset="$3" -v least="$least" 'BEGIN {
		fast = (speed + 0 >= least + 0) ? "met" : "missed"
		short = (reset + 0 <= 5) ? "met" : "missed"
		printf "%-20s at least %d a second: %s; a reset in at most 5 us: %s\n", target, least, fast, short }'
}

# One row a target. The last column is not of now: to find a planted bug takes a build and a campaign each (planted/run).
bench() {
	local target folder speed reset goals=
	printf '%-20s %10s %8s %7s %6s  %s\n' target exec/s/core reset/us inputs edges "planted bugs, seconds until found"
	for target in "$@"; do
		folder=$work/$target/bench
		rm -rf "$folder"
		unpack "$target" "$folder"
		read -r speed reset < <(speed "$target" "$folder")
		printf '%-20s %10s %8s %7s %6s  %s\n' "$target" "$speed" "$reset" "$(count_files "$folder")" "$(edges "$target" "$folder")" \
			"$(measured "$target")"
		goals+=$(goal "$target" "$speed" "$reset")$'\n'
	done
	echo "planted bugs: measured $(sed -n 's/^\(20[0-9-]\{8\}\),.*/\1/p' "$fuzz/planted/README.md" | head -n 1), at most ten minutes each, from nothing"
	grep . <<<"$goals" || :
}
