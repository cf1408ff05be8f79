/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine has, in a few aligned lines, before the prompt. Reads what the kernel tells; changes nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define VIRTIO_DIR	"/sys/bus/virtio/devices"
#define ENTROPY_BYTES	16
#define ENTROPY_WAIT_MS 1000

/* VIRTIO 1.3, section 5: device types a small machine may have. */
static const struct {
	unsigned long id;
	const char *name;
} types[] = {
	{ 1, "net" },
	{ 2, "blk" },
	{ 3, "console" },
	{ 4, "rng" },
	{ 5, "balloon" },
	{ 8, "scsi" },
	{ 9, "9p" },
	{ 16, "gpu" },
	{ 18, "input" },
	{ 19, "vsock" },
	{ 20, "crypto" },
	{ 24, "mem" },
	{ 26, "fs" },
	{ 27, "pmem" },
};

static void print_line(const char *what, const char *value)
{
	text_print(STDOUT_FILENO, "  %-9s %s\n", what, value);
}

static const char *type_name(unsigned long id)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].id == id)
			return types[i].name;
	return "unknown";
}

/* The last part of where link leads, "" when it leads nowhere. */
static void link_name(const char *device, const char *link, char *name, size_t size)
{
	char path[300], target[300], *slash;
	ssize_t len;

	text_format(path, sizeof(path), VIRTIO_DIR "/%s%s", device, link);
	len = readlink(path, target, sizeof(target) - 1);
	target[len > 0 ? len : 0] = 0;
	slash = strrchr(target, '/');
	text_format(name, size, "%s", slash ? slash + 1 : target);
}

/* virtio devices hang below the transport: .../a003e00.virtio_mmio/virtio0, or a PCI address. */
static const char *transport_name(const char *device)
{
	char path[300], target[300];
	ssize_t len;

	text_format(path, sizeof(path), VIRTIO_DIR "/%s", device);
	len = readlink(path, target, sizeof(target) - 1);
	target[len > 0 ? len : 0] = 0;
	return strstr(target, "virtio_mmio") || strstr(target, "virtio-mmio") ? "mmio" : "pci";
}

/* The kind of device; prints its line. */
static unsigned long print_virtio(const char *device)
{
	char path[300], text[128], driver[64];
	unsigned long id;

	text_format(path, sizeof(path), VIRTIO_DIR "/%s/device", device);
	read_text(path, text, sizeof(text));
	id = strtoul(text, NULL, 16);
	link_name(device, "/driver", driver, sizeof(driver));
	text_format(text, sizeof(text), "%s (%s) %s", type_name(id), driver[0] ? driver : "no driver",
		transport_name(device));
	print_line(device, text);
	return id;
}

static int is_virtio(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "virtio", 6);
}

/* True: one of them gives random numbers. */
static bool print_virtio_all(void)
{
	struct dirent **names;
	int count = scandir(VIRTIO_DIR, &names, is_virtio, versionsort);
	bool rng = false;

	if (count <= 0)
		print_line("virtio", "no devices");
	for (int i = 0; i < count; i++) {
		rng |= print_virtio(names[i]->d_name) == 4;
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return rng;
}

static ssize_t read_entropy(unsigned char *bytes)
{
	int fd = open("/dev/hwrng", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : read(fd, bytes, ENTROPY_BYTES);
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return len;
}

/* Asked for without blocking, so that a device which never answers costs a second and not the prompt. */
static void print_entropy(void)
{
	static const struct timespec pause = { .tv_nsec = 2000000 };
	unsigned char bytes[ENTROPY_BYTES];
	char text[2 * ENTROPY_BYTES + 1] = "";
	ssize_t len = -1;

	for (int waited = 0; waited < ENTROPY_WAIT_MS && len <= 0; waited += 2) {
		len = read_entropy(bytes);
		if (len <= 0)
			nanosleep(&pause, NULL);
	}
	for (ssize_t i = 0; i < len; i++)
		text_format(text + 2 * i, 3, "%02x", bytes[i]);
	print_line("entropy", len > 0 ? text : "none: /dev/hwrng gives nothing");
}

void print_summary(void)
{
	struct utsname name;
	struct sysinfo info;
	char text[200];

	text_print(STDOUT_FILENO, "\nminivmm guest\n");
	uname(&name);
	text_format(text, sizeof(text), "%s %s %s", name.sysname, name.release, name.machine);
	print_line("kernel", text);
	text_format(text, sizeof(text), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	print_line("cpus", text);
	sysinfo(&info);
	text_format(text, sizeof(text), "%lu MiB, %lu MiB free", (unsigned long)info.totalram * info.mem_unit >> 20,
		(unsigned long)info.freeram * info.mem_unit >> 20);
	print_line("memory", text);
	if (print_virtio_all())
		print_entropy();
	text_print(STDOUT_FILENO, "\n");
}
