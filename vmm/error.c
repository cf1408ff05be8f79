/* SPDX-License-Identifier: Apache-2.0 */
/* See error.h. Formats a failure; printing it is main's. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, enum exit_status status, const char *format, ...)
{
	va_list args;

	if (error->status != STATUS_OK)
		return -1;
	error->status = status;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	/* One line, whatever is in a file name: nor may an escape sequence in it reach the user's terminal. */
	for (char *p = error->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return -1;
}

enum exit_status error_file_status(int error)
{
	switch (error) {
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENOSYS: return STATUS_HOST;
	default: return STATUS_BAD_FILE;
	}
}
