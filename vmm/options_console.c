/* SPDX-License-Identifier: Apache-2.0 */
/* See options_console.h. */
#include "options_console.h"

#include <string.h>

#include "keyval.h"
#include "options_place.h"

/* Not a keyval list: there is never a second key. */
int console_options_parse(const char *value, struct console_options *console, struct error *error)
{
	static const struct {
		const char *form;
		enum console_kind kind;
	} forms[] = {
		{ "stdio", CONSOLE_STDIO },
		{ "pty", CONSOLE_PTY },
		{ "file=", CONSOLE_FILE },
		{ "unix=", CONSOLE_UNIX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t len = strlen(forms[i].form);
		bool path = forms[i].form[len - 1] == '=';

		/* A path has to follow where one is due, and nothing may where none is. */
		if (strncmp(value, forms[i].form, len) || path != (value[len] != '\0'))
			continue;
		*console = (struct console_options){ forms[i].kind, path ? value + len : NULL };
		return 0;
	}
	return error_set(error, STATUS_USAGE, "--console %s: write stdio, pty, file=PATH or unix=PATH", value);
}

int console_type_parse(const char *value, enum console_type *type, struct error *error)
{
	bool uart16550 = !strcmp(value, "8250");

	if (!uart16550 && strcmp(value, "pl011"))
		return error_set(error, STATUS_USAGE, "--console-type %s: write pl011 or 8250", value);
	*type = uart16550 ? CONSOLE_8250 : CONSOLE_PL011;
	return 0;
}

int serial_options_parse(struct serial_options *serial, char *value, struct error *error)
{
	struct serial_text {
		bool pci, stdio, pty;
		const char *file, *unix_path, *addr;
	} text = { .pci = false };
	static const struct keyval_key keys[] = {
		{ "pci", KEYVAL_FLAG, offsetof(struct serial_text, pci) },
		{ "addr", KEYVAL_STRING, offsetof(struct serial_text, addr) },
		{ "stdio", KEYVAL_FLAG, offsetof(struct serial_text, stdio) },
		{ "pty", KEYVAL_FLAG, offsetof(struct serial_text, pty) },
		{ "file", KEYVAL_STRING, offsetof(struct serial_text, file) },
		{ "unix", KEYVAL_STRING, offsetof(struct serial_text, unix_path) },
	};

	if (keyval_parse("--serial", value, keys, ARRAY_SIZE(keys), &text, error))
		return -1;
	if (!text.pci)
		return error_set(error, STATUS_USAGE, "--serial: serial ports are on the PCI bus; write --serial pci");
	if (text.stdio + text.pty + !!text.file + !!text.unix_path > 1)
		return error_set(error, STATUS_USAGE,
			"--serial: a port has one other end; write one of stdio, pty, file=PATH or unix=PATH");
	serial->console = (struct console_options){
		.kind = text.stdio	 ? CONSOLE_STDIO
			: text.file	 ? CONSOLE_FILE
			: text.unix_path ? CONSOLE_UNIX
					 : CONSOLE_PTY,
		.path = text.file ? text.file : text.unix_path,
	};
	return place_options_parse("--serial", "pci", text.addr, &serial->place, error);
}

int console_options_check(const struct options *options, struct error *error)
{
	const char *taken = options->qtest && !strcmp(options->qtest, "stdio") ? "--qtest" : NULL;

	for (unsigned int i = 0; i <= options->serial_count; i++) {
		const char *option = i ? "--serial" : "--console";

		if ((i ? &options->serials[i - 1].console : &options->console)->kind != CONSOLE_STDIO)
			continue;
		if (taken)
			return error_set(error, STATUS_USAGE,
				"%s stdio and %s stdio both want the terminal; send one of them elsewhere", taken,
				option);
		taken = option;
	}
	return 0;
}
