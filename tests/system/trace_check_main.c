/* SPDX-License-Identifier: Apache-2.0 */
/* trace-check FILE: is it a good trace? Prints what is in it; status 1 and the reason when it is not. */
#include <stdio.h>
#include <stdlib.h>

#include "trace_check.h"

static char *read_whole(const char *path)
{
	size_t size = 0, room = 1 << 20, got;
	char *text = malloc(room);
	FILE *file = fopen(path, "re");

	while (text && file && (got = fread(text + size, 1, room - size - 1, file)) > 0) {
		size += got;
		if (room - size < 4096)
			text = realloc(text, room *= 2);
	}
	if (!text || !file || ferror(file))
		return NULL;
	fclose(file);
	text[size] = '\0';
	return text;
}

int main(int argc, char **argv)
{
	char *text = argc == 2 ? read_whole(argv[1]) : NULL;
	struct trace_summary summary;
	bool good;

	if (!text) {
		fprintf(stderr, "trace-check: write trace-check FILE; the file must be there\n");
		return 64;
	}
	good = trace_check(text, &summary);
	printf("events %zu slices %zu begun %zu used %zu ended %zu open %zu dropped %llu\n", summary.events,
		summary.phase['X'], summary.phase['b'], summary.phase['n'], summary.phase['e'], summary.open,
		summary.dropped);
	if (!good)
		printf("bad: %s\n", summary.why);
	free(text);
	return good ? 0 : 1;
}
