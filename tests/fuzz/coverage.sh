# SPDX-License-Identifier: Apache-2.0
# What of the source the committed corpora reach. Sourced by run.
# shellcheck shell=bash disable=SC2154

# Nothing of devices/ is left out. These are apart because they are system calls on files, sockets and terminals of the host, where a
# device's target has a world in memory instead (world.h): targets host-disk and host-stream are what reaches them, and standard
# input, which is the fuzzer's own, nobody.
host=(devices/backend/{block_file,block_io,block_sync,block_threads,block_uring,entropy,unix_listener}.c
	devices/backend/chardev_{fd,file,pty,stdio,unix}.c devices/core/clock.c)

# A row a file of devices/, linked into the program or not, the sums, and what is below the goals.
coverage_table() {
	python3 -c '
import json, os, sys
root = os.path.realpath(sys.argv[1]) + "/"
host = set(sys.argv[2:])
rows = []
for f in json.load(sys.stdin)["data"][0]["files"]:
    name = os.path.realpath(f["filename"])
    if name.startswith(root + "devices/"):
        s = f["summary"]
        rows.append((name[len(root):], s["lines"]["covered"], s["lines"]["count"], s["branches"]["covered"], s["branches"]["count"]))
missing = host - {r[0] for r in rows}
if missing:
    sys.exit("coverage: there is no %s any more" % ", ".join(sorted(missing)))

def share(part, whole):
    return 100.0 * part / whole if whole else 100.0

def row(name, lines, of_lines, branches, of_branches):
    low = "" if share(lines, of_lines) >= 90 and share(branches, of_branches) >= 80 else "  low"
    print("%-42s %5d/%-5d %5.1f %%  %5d/%-5d %5.1f %%%s" % (name, lines, of_lines, share(lines, of_lines), branches,
        of_branches, share(branches, of_branches), low))

def rows_and_sum(title, some):
    print("%-42s %-19s  %-19s" % (title, "      lines", "   branches"))
    for r in sorted(some):
        row(*r)
    row(title + ", sum", *[sum(r[i] for r in some) for i in range(1, 5)])
    print()

rows_and_sum("device model", [r for r in rows if r[0] not in host])
rows_and_sum("host side", [r for r in rows if r[0] in host])
row("all of devices/", *[sum(r[i] for r in rows) for i in range(1, 5)])
' "$root" "${host[@]}"
}

coverage() {
	local target program folder data=$work/coverage html=$build/fuzz-coverage/html object objects=()
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
	# With what no target links: a library's part that is not needed is not in the program.
	for object in "$build"/fuzz-coverage/devices/libdevices.a.p/*.o; do objects+=("-object=$object"); done
	rm -rf "$html"
	llvm-cov show "$program" "${objects[@]}" "-instr-profile=$data/all.profdata" -format=html "-output-dir=$html" -show-branches=count \
		>"$data/show.log" 2>&1 || die "llvm-cov failed, see $data/show.log"
	llvm-cov export "$program" "${objects[@]}" "-instr-profile=$data/all.profdata" -summary-only 2>>"$data/show.log" | coverage_table
	say "each line: ${html#"$root"/}/index.html"
}
