/* SPDX-License-Identifier: Apache-2.0 */
/* See qtest_data.h. */
#include "qtest_data.h"

#include <string.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t data_to_hex(char *text, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 15];
	}
	return 2 * len;
}

size_t data_to_base64(char *text, const uint8_t *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16;

		if (have > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (have > 2)
			bits |= data[i + 2];
		text[n++] = base64_digits[bits >> 18];
		text[n++] = base64_digits[bits >> 12 & 63];
		text[n++] = have > 1 ? base64_digits[bits >> 6 & 63] : '=';
		text[n++] = have > 2 ? base64_digits[bits & 63] : '=';
	}
	return n;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool data_from_hex(uint8_t *data, size_t len, const char *text)
{
	size_t i = 0;

	memset(data, 0, len);
	if (text[0] != '0' || text[1] != 'x')
		return false;
	text += 2;
	for (; i < len && text[0] && text[1]; i++, text += 2) {
		int high = hex_digit(text[0]), low = hex_digit(text[1]);

		if (high < 0 || low < 0)
			return false;
		data[i] = (uint8_t)(high << 4 | low);
	}
	return i == len || !text[0] || hex_digit(text[0]) >= 0;
}

bool data_from_base64(uint8_t *data, size_t len, const char *text)
{
	size_t digits = strspn(text, base64_digits), padding = strspn(text + digits, "="), done = 0;
	uint32_t bits = 0;
	unsigned int have = 0;

	memset(data, 0, len);
	if (text[digits + padding] || padding > 2 || digits % 4 == 1)
		return false;
	for (size_t i = 0; i < digits && done < len; i++) {
		bits = bits << 6 | (uint32_t)(strchr(base64_digits, text[i]) - base64_digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			data[done++] = (uint8_t)(bits >> have);
		}
	}
	return true;
}
