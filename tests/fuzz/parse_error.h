/* SPDX-License-Identifier: Apache-2.0 */
/* What every parser of vmm/ promises of its failures (vmm/error.h), as an oracle. */
#ifndef MINIVMM_FUZZ_PARSE_ERROR_H
#define MINIVMM_FUZZ_PARSE_ERROR_H

#include <string.h>

#include "error.h"
#include "fuzz.h"

/* ret is 0 and nothing was said, or -1 with one line that names object, cause and fix, and a status that is not `ours`. */
static inline void fuzz_check_error(const char *parser, int ret, const struct error *error)
{
	if (ret == 0 && error->status == STATUS_OK)
		return;
	if (ret == 0)
		fuzz_failed("error", "%s succeeded and says: %s", parser, error->text);
	if (ret != -1 || error->status == STATUS_OK || error->status == STATUS_INTERNAL || !error->text[0])
		fuzz_failed("error", "%s gave %d, status %d, text \"%s\"", parser, ret, error->status, error->text);
	for (const char *c = error->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			fuzz_failed("error", "%s: byte 0x%02x in its message", parser, (unsigned char)*c);
}

#endif
