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

bench() {
	local target folder speed reset
	printf '%-22s %14s %10s %8s %8s\n' target exec/s/core reset/us inputs edges
	for target in "$@"; do
		folder=$work/$target/bench
		rm -rf "$folder"
		unpack "$target" "$folder"
		read -r speed reset < <(speed "$target" "$folder")
		printf '%-22s %14s %10s %8s %8s\n' "$target" "$speed" "$reset" "$(count_files "$folder")" "$(edges "$target" "$folder")"
	done
}
