/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, parsed into plain values. One table holds every option's name, argument, help and setter; --help is
 * printed from it. Nothing is opened here: a path is checked by whoever uses it.
 */
#ifndef MINIVMM_OPTIONS_H
#define MINIVMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/virtio_fs.h>
#include <linux/virtio_net.h>

#include "backend/block_file.h"
#include "error.h"
#include "virtio/vhost_user.h"

#define OPTIONS_MAX_CPUS    123 /* GICR window of the memory map holds 123 redistributors; GICv2 is checked when known */
#define OPTIONS_MIN_MEMORY  (2 * MiB) /* a bare-metal program at RAM + 0x80000 and its device tree */
#define OPTIONS_MAX_MEMORY  (255 * GiB) /* RAM at 0x4000_0000 ends below the PCI ECAM at 0x40_1000_0000 */
#define OPTIONS_MEMORY_STEP (64 * KiB) /* the largest page of an arm64 host: what works on one works on all */

#define OPTIONS_MAX_DISKS	30 /* of 32 virtio-mmio slots: one is virtio-rng's, one is left for another device */
#define OPTIONS_MAX_QUEUES	16 /* of one disk: what VIRTIO_BLK_MAX_QUEUES allows */
#define OPTIONS_MAX_QUEUE_SIZE	1024 /* entries of a disk's ring: what its drivers are known to have */
#define OPTIONS_MAX_VHOST_USERS 8 /* a machine with more has no slots left for disks */
#define OPTIONS_MAX_SERIALS	4 /* Linux's CONFIG_SERIAL_8250_NR_UARTS as most have it */
#define OPTIONS_MAX_DISK_ID	20 /* bytes of a serial number: VIRTIO_BLK_ID_BYTES */

/* CONSOLE_DEFAULT is what options_parse starts with and never leaves: the terminal, or with --qtest nowhere. */
enum console_kind { CONSOLE_DEFAULT, CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_FILE, CONSOLE_UNIX };

/* The host's end of a serial line. */
struct console_options {
	enum console_kind kind;
	const char *path; /* CONSOLE_FILE, CONSOLE_UNIX; else NULL */
};

/* What the guest finds at the console's address. */
enum console_type { CONSOLE_PL011, CONSOLE_8250 };

/* What is to be done; everything but ACTION_RUN ends before a machine exists. */
enum action { ACTION_RUN, ACTION_HELP, ACTION_VERSION, ACTION_CHECK };

/* Where a virtio device is reached. TRANSPORT_DEFAULT does not outlive options_parse. */
enum transport { TRANSPORT_DEFAULT, TRANSPORT_MMIO, TRANSPORT_PCI };

/* What PCI devices send their messages to: an ITS where the host has one, else a GICv2M frame; or the one that is named. */
enum msi_kind { MSI_AUTO, MSI_ITS, MSI_V2M };

/* bus=pci,addr=3 of a device. */
struct place_options {
	unsigned int order; /* on the command line; of a device that is there without an option 0 */
	enum transport bus;
	unsigned int slot; /* of the PCI bus, 1 to 31, each once; 0 where bus is mmio */
};

/* features=+x,-y of a virtio device: bits. */
struct feature_options {
	uint64_t on, off; /* offered though not by default, and not offered */
};

/* --disk, each checked by itself; the file is not opened here. */
struct disk_options {
	struct block_file_config file;
	uint64_t queues; /* default 1 */
	uint64_t queue_size; /* default 0: as many as virtio_blk_options has then */
	bool write_through; /* default false: cache=writeback */
	const char *id; /* serial number, NULL: none */
	struct feature_options features;
	struct place_options place;
};

/* --vhost-user; the backend is met by vhost_users.h. */
struct vhost_user_device_options {
	const char *socket;
	struct vhost_user_kind kind; /* its config is below, or NULL */
	union {
		struct virtio_fs_config fs;
		struct virtio_net_config net;
	} config;
	unsigned int reconnect; /* seconds between two tries; 0: a backend that is lost is lost for good */
	struct feature_options features;
	struct place_options place;
};

/* --serial pci. */
struct serial_options {
	struct console_options console; /* default CONSOLE_PTY */
	struct place_options place;
};

/* --hostile (virtio/hostile.h). */
struct hostile_options {
	bool on;
	bool log; /* a line on stderr for each lie */
	uint64_t seed, rate; /* rate: default 16, from 1 to UINT32_MAX */
	uint32_t kinds; /* default all */
};

struct options {
	enum action action;
	const char *kernel; /* NULL only where none is needed: another action, dump_dtb or qtest */
	const char *initrd; /* NULL: the embedded default init, unless the kernel is a flat binary */
	const char *modules; /* directory to search for kernel modules, NULL: beside the kernel and on the host */
	const char *busybox; /* static aarch64 busybox for the default init, NULL: looked for */
	const char *exec; /* command the default init runs, NULL: none */
	const char *cmdline; /* kernel command line, "" by default; defaults are appended by boot.c */
	uint64_t memory; /* bytes, default 256 MiB */
	unsigned int cpus; /* default 1 */
	bool rng; /* default true */
	const char *rng_source; /* NULL: getrandom */
	struct feature_options rng_features;
	struct place_options rng_place;
	struct disk_options disks[OPTIONS_MAX_DISKS];
	unsigned int disk_count;
	struct vhost_user_device_options vhost_users[OPTIONS_MAX_VHOST_USERS];
	unsigned int vhost_user_count;
	unsigned int placed; /* devices with a place on the command line so far */
	enum transport transport; /* of virtio devices without a bus=, default TRANSPORT_MMIO */
	bool lazy_ack; /* default false; virtio-mmio's InterruptACK is a doorbell for nobody (--mmio-ack lazy, virtio/mmio.h) */
	bool pci; /* some device is on the PCI bus; without one there is none */
	bool mmio; /* some device is reached by virtio-mmio */
	enum msi_kind msi; /* default MSI_AUTO (--kvm msi=its|v2m) */
	struct console_options console; /* default CONSOLE_STDIO */
	enum console_type console_type; /* default CONSOLE_PL011 */
	struct serial_options serials[OPTIONS_MAX_SERIALS];
	unsigned int serial_count;
	const char *dump_dtb; /* write the device tree here and exit 0 without running; NULL: no */
	bool kaslr; /* default true: kaslr-seed in /chosen */
	bool rng_seed; /* default true: rng-seed in /chosen */
	bool ioeventfd; /* default true; off: doorbells exit to user space (--kvm ioeventfd=off) */
	bool mirror; /* default true; off: reads of virtio-mmio registers exit (--kvm mmio-mirror=off) */
	bool irqfd; /* default true; off: KVM_IRQ_LINE (--kvm irqfd=off) */
	unsigned int
		ipa_bits; /* no more address bits than that, even if KVM has them; 0: all it has (--kvm ipa-bits=N) */
	bool pmu, sve, pauth,
		pvtime; /* default true: offered when the host has them (--cpu-features pmu=off,sve=off,pauth=off,steal-time=off) */
	const char *qtest; /* unix:PATH, stdio or fd:N: a client in place of CPUs (accel_qtest.h); NULL: no */
	struct hostile_options hostile; /* default off: devices are honest */
	bool stats; /* exit counts at the end */
	const char *trace; /* write a trace of the run here; NULL: no */
	const char *record; /* write what the guest does to its devices here; NULL: no */
	bool boot_report; /* phases and costly registers at the end */
	bool trace_exits; /* one line per exit on stderr */
};

/*
 * Fills *options from the command line; strings point into argv, whose key=value lists are cut up in place. A repeated
 * option's last value counts, but each --disk is another disk. 0, or -1 with *error filled (STATUS_USAGE; one line that
 * names the option and what it takes, for an unknown option the nearest one). --help and --version end the parsing where
 * they stand.
 */
must_check int options_parse(struct options *options, int argc, char **argv, struct error *error);

/* --help, printed from the table: fits a screen of 80 x 50. */
void options_help(FILE *file);

/* --version. */
void options_version(FILE *file);

#endif
