# SPDX-License-Identifier: Apache-2.0
# The committed corpus made anew. Sourced by run.
# shellcheck shell=bash disable=SC2154

# Of what campaigns found and what is committed, the least that covers as much; one file a target, small enough for a repository.
merge_one() {
	local target=$1 at=$work/$1 new=$work/$1/merged old=$work/$1/committed
	rm -rf "$new" "$old" && mkdir -p "$new" "$at/corpus" "$at/crashes"
	unpack "$target" "$old"
	"$(program_of fuzz "$target")" -set_cover_merge=1 "-artifact_prefix=$at/crashes/" -timeout=20 -rss_limit_mb=2048 "$new" "$old" "$at/corpus" \
		>"$at/log.merge" 2>&1 </dev/null || {
		tail -n 5 "$at/log.merge" >&2
		die "$target: the merge failed, see $at/log.merge"
	}
	[ "$(count_files "$new")" -gt 0 ] || die "$target: nothing to merge; $me $target finds something"
	pack "$target" "$new"
	printf '%-22s %6s files -> %5s, %6s KiB packed\n' "$target" "$(($(count_files "$old") + $(count_files "$at/corpus")))" \
		"$(count_files "$new")" $((($(stat -c %s "$fuzz/corpus/$target.tar.xz") + 1023) / 1024))
}

merge() {
	local target
	for target in "$@"; do merge_one "$target"; done
	du -ch "$fuzz"/corpus/*.tar.xz | tail -n 1
}
