# SPDX-License-Identifier: Apache-2.0
# Every target over its committed corpus: a regression test. Sourced by run.
# shellcheck shell=bash disable=SC2154

replay() {
	local program=$1 target folder said count=0 failed=0
	for target in $(names "$program"); do
		count=$((count + 1))
		folder=$work/$target/replay
		rm -rf "$folder"
		unpack "$target" "$folder"
		if [ "$(count_files "$folder")" = 0 ]; then
			echo "ok $count - $target # SKIP no corpus is committed; tests/fuzz/run $target, then --merge"
		elif said=$(timeout 120 "$program" "$target" "$folder" 2>&1 </dev/null); then
			echo "ok $count - $target: $said"
		else
			tail -n 40 <<<"$said" | sed 's/^/# /'
			echo "not ok $count - $target"
			failed=1
		fi
	done
	echo "1..$count"
	return "$failed"
}
