/* SPDX-License-Identifier: Apache-2.0 */
/* The values of --console, --console-type and --serial: what the guest finds, and where its other end is. */
#ifndef MINIVMM_OPTIONS_CONSOLE_H
#define MINIVMM_OPTIONS_CONSOLE_H

#include "options.h"

/* --console: the path is everything behind the "=", commas too. 0, or -1 with *error. */
must_check int console_options_parse(const char *value, struct console_options *console, struct error *error);
/* "pl011" or "8250". 0, or -1 with *error. */
must_check int console_type_parse(const char *value, enum console_type *type, struct error *error);
/* One --serial; value is cut up in place. 0, or -1 with *error. */
must_check int serial_options_parse(struct serial_options *serial, char *value, struct error *error);
/* Once every option is parsed: the terminal is one, and only one can have it. 0, or -1 with *error. */
must_check int console_options_check(const struct options *options, struct error *error);

#endif
