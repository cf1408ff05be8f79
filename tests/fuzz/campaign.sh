# SPDX-License-Identifier: Apache-2.0
# A campaign: which target has which processes when, and what can be seen of it meanwhile. Sourced by run.
# shellcheck shell=bash disable=SC2154

declare -A started=() finished=() # by target: when its first process began; how many of its processes have ended
declare -A worker_of=() # by process: its target

# libFuzzer ends with the first crash, whose input it has kept: it goes on until the time is over.
libfuzzer_worker() {
	local target=$1 number=$2 end=$((EPOCHSECONDS + $3)) at=$work/$1 program words options=()
	program=$(program_of fuzz "$target")
	words=$(dictionary fuzz "$target")
	[ -z "$words" ] || options+=("-dict=$words")
	while [ "$EPOCHSECONDS" -lt "$end" ] && [ "$(count_files "$at/crashes")" -lt 100 ]; do
		# One process is stopped by its time; what a campaign asks for in a crash is the next one's.
		"$program" "$at/corpus" "-max_total_time=$((end - EPOCHSECONDS))" "-artifact_prefix=$at/crashes/" -timeout=20 \
			-rss_limit_mb=2048 -max_len=4096 -reload=1 ${options[@]+"${options[@]}"} >"$at/log.$number" 2>&1 && break
		cat "$at/log.$number" >>"$at/log.crashes"
	done
}

# The first is the main one, which alone does the deterministic part; all see each other's finds.
afl_worker() {
	local target=$1 number=$2 seconds=$3 at=$work/$1 program role=-S words options=()
	program=$(program_of fuzz-afl "$target")
	[ "$number" != 1 ] || role=-M
	words=$(dictionary fuzz-afl "$target")
	[ -z "$words" ] || options+=(-x "$words")
	# An empty input is none to AFL++.
	[ -n "$(ls -A "$at/corpus")" ] || echo >"$at/corpus/newline"
	AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_AUTORESUME=1 \
		ASAN_OPTIONS=abort_on_error=1:detect_leaks=0:symbolize=0:allocator_may_return_null=1 \
		UBSAN_OPTIONS=abort_on_error=1:symbolize=0 \
		afl-fuzz -i "$at/corpus" -o "$at/afl" $role "worker$number" -V "$seconds" -t 20000 -m none \
		${options[@]+"${options[@]}"} -- "$program" >"$at/log.$number" 2>&1 || :
	find "$at/afl/worker$number/crashes" -name 'id:*' -exec cp -t "$at/crashes" {} + 2>/dev/null || :
}

# What AFL++ queued, beside what it began with, joins the corpus by the names of libFuzzer.
collect_afl() {
	local target=$1 file
	for file in "$work/$target"/afl/worker*/queue/id:*; do
		[[ -f $file && $file != *,orig:* ]] || continue
		cp "$file" "$work/$target/corpus/$(sha1sum <"$file" | cut -d ' ' -f 1)"
	done
}

# figures TARGET: executions a second, edges and corpus, of all its processes together.
figures() {
	local target=$1 at=$work/$1 file
	if [ "$engine" = afl ]; then
		cat "$at"/afl/worker*/fuzzer_stats 2>/dev/null | awk -F ' *: *' '
			$1 == "execs_per_sec" && $2 ~ /^[0-9.]+$/ { speed += $2 }
			$1 == "edges_found" && $2 > edges { edges = $2 }
			$1 == "corpus_count" && $2 > corpus { corpus = $2 }
			END { printf "%.0f %s %s\n", speed, edges + 0, corpus + 0 }'
		return
	fi
	for file in "$at"/log.[0-9]*; do
		[ -f "$file" ] && tail -c 3000 "$file" | grep -a '^#[0-9].*exec/s' | tail -n 1 || :
	done | awk '
		{ for (i = 1; i < NF; i++) {
			if ($i == "exec/s:") speed += $(i + 1)
			if ($i == "cov:" && $(i + 1) > edges) edges = $(i + 1)
			if ($i == "corp:" && $(i + 1) + 0 > corpus) corpus = $(i + 1) + 0
		} }
		END { print speed + 0, edges + 0, corpus + 0 }'
}

# state TARGET: what is done with it now.
state() {
	local left
	if [ -z "${started[$1]:-}" ]; then
		echo waiting
	elif [ "${finished[$1]:-0}" = "$workers" ]; then
		echo "done"
	else
		left=$((started[$1] + minutes * 60 - EPOCHSECONDS))
		[ "$left" -ge 0 ] || left=0
		printf '%d:%02d left\n' $((left / 60)) $((left % 60))
	fi
}

table() {
	local target speed edges corpus found
	printf '%-22s %10s %8s %8s %8s  %s\n' target exec/s edges corpus crashes state
	for target in "${targets[@]}"; do
		read -r speed edges corpus < <(figures "$target")
		found=$(count_files "$work/$target/crashes")
		printf '%-22s %10s %8s %8s %8s  %s\n' "$target" "$speed" "$edges" "$corpus" "$found" "$(state "$target")"
	done
}

# One screen, drawn over; a line now and then where nobody looks.
show() {
	if [ -t 1 ]; then
		printf '\033[H\033[J'
		say "$engine, $jobs at a time, $minutes min each; Ctrl-C ends it"
		table
	elif [ $((EPOCHSECONDS - shown)) -ge 60 ]; then
		shown=$EPOCHSECONDS
		for target in "${targets[@]}"; do
			[ "$(state "$target")" = waiting ] || [ "$(state "$target")" = "done" ] ||
				say "$target: $(figures "$target" | awk '{ print $1 " exec/s, " $2 " edges, corpus " $3 }')"
		done
	fi
}

reap() {
	local pid
	for pid in "${!worker_of[@]}"; do
		if ! kill -0 "$pid" 2>/dev/null; then
			wait "$pid" || :
			finished[${worker_of[$pid]}]=$((${finished[${worker_of[$pid]}]:-0} + 1))
			unset "worker_of[$pid]"
		fi
	done
}

# A worker and what it started: each is a process group of its own.
stop_all() {
	local pid
	for pid in "${!worker_of[@]}"; do
		kill -- "-$pid" 2>/dev/null || :
	done
}

start_worker() {
	local target=$1 number=$2
	[ -n "${started[$target]:-}" ] || started[$target]=$EPOCHSECONDS
	set -m
	"${engine}_worker" "$target" "$number" $((minutes * 60)) </dev/null &
	set +m
	worker_of[$!]=$target
}

# The result, and where the inputs are. Status 1 when there is a crash.
conclude() {
	local target file status=0
	[ "$engine" != afl ] || for target in "${targets[@]}"; do collect_afl "$target"; done
	[ ! -t 1 ] || printf '\033[H\033[J'
	table
	for target in "${targets[@]}"; do
		for file in "$work/$target/crashes"/*; do
			[ -f "$file" ] || continue
			status=1
			echo "crash: $(program fuzz | sed "s:^$root/::") $target ${file#"$root"/}"
		done
	done
	[ "$status" = 1 ] || echo "no crash; $me --merge puts what was found into the committed corpus"
	return "$status"
}

# campaign ENGINE MINUTES JOBS TARGET...
campaign() {
	local target i queue=() shown=$EPOCHSECONDS
	engine=$1 minutes=$2 jobs=$3
	shift 3
	targets=("$@")
	workers=$((jobs > $# ? jobs / $# : 1))
	for target in "$@"; do
		rm -rf "$work/$target"/{afl,log.*}
		mkdir -p "$work/$target/crashes"
		unpack "$target" "$work/$target/corpus"
		for ((i = 1; i <= workers; i++)); do queue+=("$target $i"); done
	done
	trap stop_all EXIT
	trap 'stop_all; trap - EXIT; conclude || :; exit 130' INT TERM
	while [ ${#queue[@]} -gt 0 ] || [ ${#worker_of[@]} -gt 0 ]; do
		while [ ${#queue[@]} -gt 0 ] && [ ${#worker_of[@]} -lt "$jobs" ]; do
			# shellcheck disable=SC2086
			start_worker ${queue[0]}
			queue=("${queue[@]:1}")
		done
		show
		sleep 2
		reap
	done
	trap - EXIT
	conclude
}
