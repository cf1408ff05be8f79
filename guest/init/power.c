/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power key, a line of the PL061: as the input device gpio-keys makes of it, or, because Debian's cloud kernels have no
 * gpio-keys, the line itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <linux/input.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "init.h"

/* Which of the two was opened decides what is read from it. */
static bool is_line;

/* Calls try for each /dev/... of dir whose name begins with prefix until one gives a descriptor. */
static int open_each(const char *dir, const char *prefix, int (*try)(const char *path))
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int fd = -1;

	while (stream && fd < 0 && (entry = readdir(stream))) {
		char path[300];

		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		text_format(path, sizeof(path), "%s/%s", dir, entry->d_name);
		fd = try(path);
	}
	if (stream)
		closedir(stream);
	return fd;
}

static int open_input(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char name[64] = "";

	if (fd >= 0 && ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) >= 0 && !strcmp(name, "gpio-keys"))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Devicetree: gpios = <&controller LINE FLAGS> of the power key. -1: there is no such key. */
static int power_line(void)
{
	unsigned char cells[12];
	int fd = open("/proc/device-tree/gpio-keys/poweroff/gpios", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, cells, sizeof(cells));

	if (fd >= 0)
		close(fd);
	return len == sizeof(cells) ? cells[7] : -1;
}

static int open_line(const char *path)
{
	int chip = open(path, O_RDONLY | O_CLOEXEC), line = power_line(), ret;
	struct gpiochip_info info = { 0 };
	struct gpio_v2_line_request request = {
		.num_lines = 1,
		.offsets = { (uint32_t)line },
		.consumer = "init",
		.config.flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING,
	};

	if (chip < 0)
		return -1;
	ret = ioctl(chip, GPIO_GET_CHIPINFO_IOCTL, &info);
	/* "9030000.pl061" */
	if (!ret && line >= 0 && strstr(info.label, "pl061"))
		ret = ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request);
	else
		ret = -1;
	close(chip);
	return ret ? -1 : request.fd;
}

int open_power_key(void)
{
	int fd = open_each("/dev/input", "event", open_input);

	if (fd >= 0)
		return fd;
	is_line = true;
	return open_each("/dev", "gpiochip", open_line);
}

bool power_key_pressed(int fd)
{
	struct gpio_v2_line_event edge;
	struct input_event event;

	if (is_line)
		return read(fd, &edge, sizeof(edge)) == sizeof(edge);
	return read(fd, &event, sizeof(event)) == sizeof(event) && event.type == EV_KEY && event.code == KEY_POWER &&
	       event.value == 1;
}
