/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default init: process 1 of a guest that was given no initrd. It is one small static program in a few files; this is what
 * they share. Messages go to the console as one line, "init: ...".
 */
#ifndef MINIVMM_GUEST_INIT_H
#define MINIVMM_GUEST_INIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Made by the monitor, see vmm/initramfs.h. */
#define EXEC_PATH    "/exec"
#define TTY_MARK     "/terminal"
#define MODULES_DIR  "/modules"
#define BUSYBOX_PATH "/bin/busybox"

/* text.c. Formats know %s %-9s %d %ld %lu %02x and nothing else; what does not fit is cut off. */
size_t text_vformat(char *buf, size_t size, const char *format, va_list *args);
void text_format(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
void text_print(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One line on the console. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The file's first bytes into buf with a NUL, without the newlines at its end; their number, or -1. */
ssize_t read_text(const char *path, char *buf, size_t size);

/* mounts.c */
void mount_all(void);
void unmount_all(void);

/* modules.c: loads what is in MODULES_DIR in the order of the names, and frees its memory. */
void load_modules(void);

/* summary.c: the few lines that say what this machine has. */
void print_summary(void);

/* console.c: makes the console the calling process's controlling terminal and its standard files. */
void open_console(bool exec);

/* command.c */
char *read_command(void); /* NULL: none; the caller never frees it */
void run_shell(void); /* in a child: does not return */
void run_command(const char *command); /* in a child: does not return */

/* power.c: the power key. -1: there is none that can be watched. */
int open_power_key(void);
bool power_key_pressed(int fd); /* after poll said readable */

/* exit_register.c: tells the monitor --exec's status. */
void report_status(int status);

#endif
