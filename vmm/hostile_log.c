/* SPDX-License-Identifier: Apache-2.0 */
/* See hostile_log.h. */
#include "hostile_log.h"

#include <stdio.h>

#include "term.h"

static void report(struct hostile *h, const char *text)
{
	(void)h;
	fprintf(stderr, "minivmm: hostile: %s%s", text, term_newline());
}

struct hostile *hostile_log_begin(struct hostile *h, const struct hostile_options *options)
{
	if (!options->on)
		return NULL;
	hostile_init(h, options->seed, (uint32_t)options->rate, options->kinds);
	if (options->log)
		h->report = report;
	fprintf(stderr,
		"minivmm: --hostile %llu: this guest's devices lie to it on purpose, about once in %llu times%s",
		(unsigned long long)options->seed, (unsigned long long)options->rate, term_newline());
	return h;
}

void hostile_log_end(const struct hostile *h)
{
	if (h)
		hostile_print(h, stderr);
}
