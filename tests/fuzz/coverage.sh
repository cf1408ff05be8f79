# SPDX-License-Identifier: Apache-2.0
# What of the source the committed corpora reach. Sourced by run.
# shellcheck shell=bash disable=SC2154

# A row a file of devices/, the sum of those, and what is below the goals.
coverage_table() {
	python3 -c '
import json, os, sys
root = os.path.realpath(sys.argv[1]) + "/"
rows = []
for f in json.load(sys.stdin)["data"][0]["files"]:
    name = os.path.realpath(f["filename"])
    if name.startswith(root + "devices/"):
        s = f["summary"]
        rows.append((name[len(root):], s["lines"]["covered"], s["lines"]["count"], s["branches"]["covered"], s["branches"]["count"]))

def share(part, whole):
    return 100.0 * part / whole if whole else 100.0

def row(name, lines, of_lines, branches, of_branches):
    low = "" if share(lines, of_lines) >= 90 and share(branches, of_branches) >= 80 else "  low"
    print("%-42s %5d/%-5d %5.1f %%  %5d/%-5d %5.1f %%%s" % (name, lines, of_lines, share(lines, of_lines), branches,
        of_branches, share(branches, of_branches), low))

print("%-42s %-19s  %-19s" % ("file", "      lines", "   branches"))
for r in sorted(rows):
    row(*r)
row("devices/", *[sum(r[i] for r in rows) for i in range(1, 5)])
' "$root"
}

coverage() {
	local target program folder data=$work/coverage html=$build/fuzz-coverage/html
	program=$(program fuzz-coverage)
	rm -rf "$data" && mkdir -p "$data"
	for target in "$@"; do
		folder=$work/$target/coverage
		rm -rf "$folder"
		unpack "$target" "$folder"
		LLVM_PROFILE_FILE=$data/$target.profraw "$program" "$target" "$folder" >"$data/$target.log" 2>&1 ||
			die "$target: a committed input crashes it, see $data/$target.log"
	done
	llvm-profdata merge -o "$data/all.profdata" "$data"/*.profraw
	rm -rf "$html"
	llvm-cov show "$program" "-instr-profile=$data/all.profdata" -format=html "-output-dir=$html" -show-branches=count \
		>"$data/show.log" 2>&1 || die "llvm-cov failed, see $data/show.log"
	llvm-cov export "$program" "-instr-profile=$data/all.profdata" -summary-only 2>>"$data/show.log" | coverage_table
	say "each line: ${html#"$root"/}/index.html"
}
