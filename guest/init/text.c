/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting for the default init. Not libc's: its printf brings floating point, in software for long double, and with that
 * nearly doubles the program that every guest without an initrd unpacks.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

struct out {
	char *buf;
	size_t size, len; /* with room for the NUL; what does not fit is cut off */
};

static void put(struct out *out, const char *text, size_t len)
{
	size_t left = out->size - 1 - out->len;

	len = len < left ? len : left;
	memcpy(out->buf + out->len, text, len);
	out->len += len;
}

static void put_padded(struct out *out, const char *text, size_t width)
{
	size_t len = strlen(text);

	put(out, text, len);
	for (; len < width; len++)
		put(out, " ", 1);
}

static void put_number(struct out *out, unsigned long value, unsigned int base, size_t digits)
{
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || sizeof(text) - at < digits);
	put(out, text + at, sizeof(text) - at);
}

static void put_signed(struct out *out, long value)
{
	if (value < 0)
		put(out, "-", 1);
	put_number(out, value < 0 ? -(unsigned long)value : (unsigned long)value, 10, 1);
}

/* One conversion, whose first character after the '%' is at format; returns where the text goes on. */
static const char *convert(struct out *out, const char *format, va_list *args)
{
	size_t width = 0;

	format += *format == '-';
	for (; *format >= '0' && *format <= '9'; format++)
		width = width * 10 + (size_t)(*format - '0');
	if (*format == 'l')
		format++;
	switch (*format) {
	case 's': put_padded(out, va_arg(*args, const char *), width); break;
	case 'd': put_signed(out, format[-1] == 'l' ? va_arg(*args, long) : va_arg(*args, int)); break;
	case 'u': put_number(out, va_arg(*args, unsigned long), 10, width); break;
	case 'x': put_number(out, va_arg(*args, unsigned int), 16, width); break;
	default: return format;
	}
	return format + 1;
}

size_t text_vformat(char *buf, size_t size, const char *format, va_list *args)
{
	struct out out = { .buf = buf, .size = size };

	while (*format) {
		size_t len = strcspn(format, "%");

		put(&out, format, len);
		format += len;
		if (*format)
			format = convert(&out, format + 1, args);
	}
	buf[out.len] = 0;
	return out.len;
}

void text_format(char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vformat(buf, size, format, &args);
	va_end(args);
}

void text_print(int fd, const char *format, ...)
{
	char line[512];
	va_list args;
	size_t len;

	va_start(args, format);
	len = text_vformat(line, sizeof(line), format, &args);
	va_end(args);
	/* Nowhere to tell it when the console does not take it. */
	if (write(fd, line, len) < 0)
		return;
}

void say(const char *format, ...)
{
	char line[300];
	va_list args;

	va_start(args, format);
	text_vformat(line, sizeof(line), format, &args);
	va_end(args);
	text_print(STDERR_FILENO, "init: %s\n", line);
}
