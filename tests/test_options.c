/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines, the values or the one message they give, and the shape of --help. No file is opened by any of it. */
#include <errno.h>
#include <stdlib.h>

#include "keyval.h"
#include "options.h"
#include "test.h"
#include "virtio/hostile.h"

#define MAX_ARGS 12

/* argv as the kernel hands it over: writable strings, which stay alive until the next call. */
static int parse(const char *const *args, struct options *options, struct error *error)
{
	static char text[2048];
	char *argv[MAX_ARGS + 2] = { (char[]){ "minivmm" } };
	int argc = 1;
	size_t used = 0;

	for (; argc <= MAX_ARGS && args[argc - 1]; argc++) {
		argv[argc] = text + used;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", args[argc - 1]) + 1;
	}
	*error = (struct error){ 0 };
	return options_parse(options, argc, argv, error);
}

#define PARSE(options, error, ...) parse((const char *const[MAX_ARGS + 1]){ __VA_ARGS__ }, options, error)

struct refusal {
	const char *args[MAX_ARGS];
	const char *message;
};

static const struct refusal refusals[] = {
	{ { 0 }, "no kernel given; write --kernel FILE" },
	{ { "--memory", "1G" }, "no kernel given" },
	{ { "--kernel" }, "--kernel needs an argument: --kernel FILE" },
	{ { "--kernel", "--stats" }, "--kernel needs an argument: --kernel FILE" },
	{ { "--kernel", "--memory=1G" }, "--kernel needs an argument" },
	{ { "--kernel", "" }, "--kernel: the argument is empty" },
	{ { "--kernel=" }, "--kernel: the argument is empty" },
	{ { "--stats=1" }, "--stats takes no argument" },
	{ { "--help=x" }, "--help takes no argument" },
	{ { "--kernal", "x" }, "unknown option --kernal, did you mean --kernel?" },
	{ { "--kernal=x" }, "unknown option --kernal, did you mean --kernel?" },
	{ { "--mem", "1G" }, "unknown option --mem, did you mean --memory?" },
	{ { "--cpu=2" }, "unknown option --cpu, did you mean --cpus?" },
	{ { "-kernel", "x" }, "unknown option -kernel, did you mean --kernel?" },
	{ { "-m", "512" }, "unknown option -m, did you mean --m" },
	{ { "--frobnicate" }, "unknown option --frobnicate; minivmm --help lists them all" },
	{ { "--floppy", "path=x" }, "unknown option --floppy; minivmm --help" },
	{ { "--disk", "disk.img" }, "--disk: unknown key \"disk.img\"; it takes path, ro," },
	{ { "--disk", "ro" }, "--disk: path=... is missing" },
	{ { "--disk", "path=x,aio=posix" }, "--disk: aio=posix: write auto or io_uring or threads or sync" },
	{ { "--disk", "path=x,cache=none" }, "--disk: cache=none: write writeback or writethrough" },
	{ { "--disk", "path=x,features=+no_such" }, "--disk: features: no \"+no_such\"; write + or - and a name" },
	{ { "--disk", "path=x,features=flush" }, "--disk: features: no \"flush\"" },
	{ { "--disk", "path=x,features=-" }, "--disk: features: no \"-\"" },
	{ { "--rng", "features=-event_idx,-flush" }, "--rng: features: no \"-flush\"" },
	{ { "--rng", "features=+a234567890123456789012345678901234567890" }, "--rng: features: no \"+a2345" },
	{ { "--disk", "path=x,queues=0" }, "--disk: queues=0: write a number from 1 to 16" },
	{ { "--disk", "path=x,queue-size=2" }, "--disk: queue-size=2: write a power of 2 from 4 to 1024" },
	{ { "--disk", "path=x,queue-size=96" }, "--disk: queue-size=96: write a power of 2 from 4 to 1024" },
	{ { "--disk", "path=x,queue-size=2048" }, "--disk: queue-size=2048: write a power of 2 from 4 to 1024" },
	{ { "--disk", "path=x,queues=17" }, "--disk: queues=17: write a number from 1 to 16" },
	{ { "--disk", "path=x,id=123456789012345678901" }, "too long, a serial number has up to 20 bytes" },
	{ { "--hostile", "x" }, "--hostile x: begin with a seed, a number like 42" },
	{ { "--hostile", ",log" }, "--hostile : begin with a seed" },
	{ { "--hostile", "1,rate=0" }, "--hostile: rate=0: write a number from 1" },
	{ { "--hostile", "1,rate=4294967296" }, "--hostile: rate=4294967296: write a number" },
	{ { "--hostile", "1,only=used-id+nothing" },
		"--hostile: only: no \"nothing\"; write some of used-id, used-len, " },
	{ { "--hostile", "1,only=used-id+" }, "--hostile: only: no \"\"; write" },
	{ { "--hostile", "1,quietly" }, "--hostile: unknown key \"quietly\"; it takes rate, only, log" },
	{ { "--" }, "unknown option --; minivmm --help" },
	{ { "--=x" }, "unknown option --; minivmm --help" },
	{ { "---kernel" }, "unknown option ---kernel, did you mean --kernel?" },
	{ { "--kernel\nx" }, "unknown option --kernel?x, did you mean --kernel?" },
	{ { "vmlinuz" }, "unexpected argument \"vmlinuz\"; did you mean --kernel vmlinuz?" },
	{ { "--kernel", "a", "b" }, "unexpected argument \"b\"" },
	{ { "-" }, "unexpected argument \"-\"" },
	{ { "" }, "unexpected argument \"\"" },
	{ { "--memory", "lots" }, "--memory lots: not a size; write a number with K, M or G, like 512M" },
	{ { "--memory", "" }, "--memory : not a size" },
	{ { "--memory", "-1" }, "--memory -1: not a size" },
	{ { "--memory", " 1G" }, "not a size" },
	{ { "--memory", "1.5G" }, "--memory 1.5G: not a size" },
	{ { "--memory", "512MB" }, "--memory 512MB: not a size" },
	{ { "--memory", "M" }, "--memory M: not a size" },
	{ { "--memory", "1T" }, "--memory 1T: not a size" },
	{ { "--memory", "0x100000" }, "--memory 0x100000: not a size" },
	{ { "--memory", "0" }, "--memory 0: too small, the least is 2M" },
	{ { "--memory", "0G" }, "--memory 0G: too small, the least is 2M" },
	{ { "--memory", "512" }, "a plain number is bytes and the least is 2M; did you mean 512M?" },
	{ { "--memory", "1M" }, "--memory 1M: too small, the least is 2M" },
	{ { "--memory", "256G" }, "--memory 256G: too large, the memory map has room for 255G" },
	{ { "--memory", "18446744073709551616" }, "too large" },
	{ { "--memory", "17179869184G" }, "too large" },
	{ { "--memory", "99999999999999999999999" }, "too large" },
	{ { "--memory", "2049K" }, "--memory 2049K: not a multiple of 64K" },
	{ { "--cpus", "0" }, "--cpus 0: write a number from 1 to 123" },
	{ { "--cpus", "124" }, "--cpus 124: write a number from 1 to 123" },
	{ { "--cpus", "4294967297" }, "write a number from 1 to 123" },
	{ { "--cpus", "18446744073709551617" }, "write a number from 1 to 123" },
	{ { "--cpus", "two" }, "--cpus two: write a number" },
	{ { "--cpus", "2K" }, "--cpus 2K: write a number" },
	{ { "--cpus", "" }, "write a number" },
	{ { "--cpus", "-1" }, "write a number" },
	{ { "--console", "tty" }, "--console tty: write stdio, pty, file=PATH or unix=PATH" },
	{ { "--console", "stdiox" }, "--console stdiox: write stdio" },
	{ { "--console", "file" }, "--console file: write" },
	{ { "--console", "file=" }, "--console file=: write" },
	{ { "--console", "pty=/x" }, "--console pty=/x: write" },
	{ { "--console-type", "16550" }, "--console-type 16550: write pl011 or 8250" },
	{ { "--console-type", "" }, "--console-type : write pl011 or 8250" },
	{ { "--serial", "" }, "--serial: unknown key \"\"; it takes pci, addr, stdio, pty, file, unix" },
	{ { "--serial", "pty" }, "--serial: serial ports are on the PCI bus; write --serial pci" },
	{ { "--serial", "pci=off,pty" }, "--serial: serial ports are on the PCI bus" },
	{ { "--serial", "pci,stdio,pty" }, "--serial: a port has one other end; write one of stdio, pty, file=PATH" },
	{ { "--serial", "pci,file=a,unix=b" }, "--serial: a port has one other end" },
	{ { "--serial", "pci,file=" }, "--serial: file=: write a text that is not empty" },
	{ { "--serial", "pci,addr=32" }, "--serial: addr=32: write a PCI slot from 1 to 31" },
	{ { "--serial", "pci,bus=pci" }, "--serial: unknown key \"bus\"" },
	{ { "--serial", "pci,stdio", "--kernel", "k" }, "--console stdio and --serial stdio both want the terminal" },
	{ { "--serial", "pci,stdio", "--console", "pty", "--serial", "pci,stdio", "--kernel", "k" },
		"--serial stdio and --serial stdio both want the terminal" },
	{ { "--qtest", "stdio", "--serial", "pci,stdio" }, "--qtest stdio and --serial stdio both want" },
	{ { "--serial", "pci", "--serial", "pci", "--serial", "pci", "--serial", "pci", "--serial", "pci" },
		"--serial: there is room for 4 ports" },
	{ { "--rng", "/dev/urandom" }, "--rng: unknown key \"/dev/urandom\"; it takes source, features" },
	{ { "--rng", "source=" }, "--rng: source=: write a text that is not empty" },
	{ { "--rng", "source=a,source=b" }, "--rng: source is given twice" },
	{ { "--rng", "source=a," }, "--rng: unknown key \"\"; it takes source, features" },
	{ { "--vhost-user", "" }, "--vhost-user : write rng, blk, fs, vsock, net or id=N first" },
	{ { "--vhost-user", "disk,socket=x" }, "--vhost-user disk: write rng, blk, fs, vsock, net or id=N first" },
	{ { "--vhost-user", "id,socket=x" }, "--vhost-user id: write rng, blk," },
	{ { "--vhost-user", "socket=x" }, "--vhost-user socket=x: write rng, blk," },
	{ { "--vhost-user", "rng" }, "--vhost-user rng: socket=PATH is missing" },
	{ { "--vhost-user", "rng,queues=1" }, "--vhost-user: socket=... is missing" },
	{ { "--vhost-user", "rng,socket=x,queues=2" }, "--vhost-user: queues=2: write a number from 1 to 1" },
	{ { "--vhost-user", "blk,socket=x,queues=0" }, "--vhost-user: queues=0: write a number from 1 to 16" },
	{ { "--vhost-user", "blk,socket=x,queues=17" }, "--vhost-user: queues=17: write a number from 1 to 16" },
	{ { "--vhost-user", "blk,socket=x,queue-size=100" }, "--vhost-user: queue-size=100: write a power of 2" },
	{ { "--vhost-user", "blk,socket=x,queue-size=65536" }, "--vhost-user: queue-size=65536: write a power of 2" },
	{ { "--vhost-user", "blk,socket=x,reconnect=3601" }, "reconnect=3601: write a number from 0 to 3600" },
	{ { "--vhost-user", "blk,socket=x,tag=t" }, "--vhost-user: tag: a device of type blk has none" },
	{ { "--vhost-user", "blk,socket=x,id=3" }, "--vhost-user: id: a device of type blk has none" },
	{ { "--vhost-user", "id=0,socket=x" }, "--vhost-user: id=0: write a number from 1 to 255" },
	{ { "--vhost-user", "id=256,socket=x" }, "--vhost-user: id=256: write a number from 1 to 255" },
	{ { "--vhost-user", "id=5,socket=x,config-size=257" }, "config-size=257: write a number from 0 to 256" },
	{ { "--vhost-user", "fs,socket=x" }, "--vhost-user fs: tag=NAME is missing" },
	{ { "--vhost-user", "fs,socket=x,tag=1234567890123456789012345678901234567" }, "too long, a tag has up to 36" },
	{ { "--vhost-user", "net,socket=x,mac=52:54:00:12:34" }, "--vhost-user: mac=52:54:00:12:34: write an address" },
	{ { "--vhost-user", "net,socket=x,mac=53:54:00:12:34:56" }, "write an address of one station" },
	{ { "--vhost-user", "net,socket=x,mac=52:54:00:12:34:567" }, "write an address of one station" },
	{ { "--vhost-user", "rng,socket=x,features=+64" }, "--vhost-user: features: no \"+64\"" },
	{ { "--kvm", "ioeventfd" }, "--kvm: ioeventfd=: write on or off" },
	{ { "--kvm", "irqfd=0" }, "--kvm: irqfd=0: write on or off" },
	{ { "--kvm", "ioeventfs=off" },
		"unknown key \"ioeventfs\", did you mean ioeventfd? It takes ioeventfd, irqfd" },
	{ { "--cpu-features", "steal-time=maybe" }, "--cpu-features: steal-time=maybe: write on or off" },
	{ { "--cpu-features", "fpu=off" }, "it takes pmu, sve, pauth, steal-time" },
	{ { "--exec", "ls", "--initrd", "i", "--kernel", "k" }, "--exec is run by the built-in initramfs" },
};

static void refused_in_one_line(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct options options;
		struct error error;

		CHECK_EQ(parse(refusals[i].args, &options, &error), -1);
		CHECK_EQ(error.status, STATUS_USAGE);
		CHECK_HAS(error.text, refusals[i].message);
		CHECK(!strpbrk(error.text, "\r\n\t\033"));
		CHECK(strncmp(error.text, "minivmm:", 8) != 0);
	}
}

/* A message about an argument of any length is cut, not overrun. */
static void long_arguments(void)
{
	static const char *const names[] = { "--memory", "--console", "--rng", "--cpus" };
	char value[1500], unknown[1500];
	struct options options;
	struct error error;

	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CHECK_EQ(PARSE(&options, &error, names[i], value), -1);
		CHECK_EQ(error.status, STATUS_USAGE);
	}
	memset(unknown, '-', sizeof(unknown) - 1);
	unknown[sizeof(unknown) - 1] = '\0';
	CHECK_EQ(PARSE(&options, &error, unknown), -1);
	CHECK_HAS(error.text, "--help lists them all");
	memcpy(value, "--", 2);
	CHECK_EQ(PARSE(&options, &error, value), -1);
	CHECK_HAS(error.text, "--help lists them all");
}

static void defaults(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--kernel", "Image"), 0);
	CHECK_EQ(error.status, STATUS_OK);
	CHECK_EQ(o.action, ACTION_RUN);
	CHECK_STR(o.kernel, "Image");
	CHECK_STR(o.cmdline, "");
	CHECK_EQ(o.memory, 256 * MiB);
	CHECK_EQ(o.cpus, 1);
	CHECK_EQ(o.console.kind, CONSOLE_STDIO);
	CHECK(o.rng && !o.rng_source && o.kaslr && o.rng_seed && o.ioeventfd && o.irqfd);
	CHECK(o.pmu && o.sve && o.pauth && o.pvtime && !o.stats && !o.trace_exits);
	CHECK(!o.initrd && !o.modules && !o.busybox && !o.exec && !o.dump_dtb && !o.console.path);
}

static void every_value_arrives(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--kernel=a=b,c", "--initrd", "i", "--cmdline", "-x y=1,2", "--modules=m",
			 "--busybox", "bb", "--cpus=123", "--memory=255G"),
		0);
	CHECK_STR(o.kernel, "a=b,c");
	CHECK_STR(o.initrd, "i");
	CHECK_STR(o.cmdline, "-x y=1,2");
	CHECK_STR(o.modules, "m");
	CHECK_STR(o.busybox, "bb");
	CHECK_EQ(o.cpus, 123);
	CHECK_EQ(o.memory, 255 * GiB);

	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--exec", "cat /proc/cpuinfo", "--stats", "--trace-exits",
			 "--no-kaslr", "--no-rng-seed", "--kvm", "irqfd=off,ioeventfd=on", "--cmdline", "--stats=1"),
		-1);
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--exec", "cat /proc/cpuinfo", "--stats", "--trace-exits",
			 "--no-kaslr", "--no-rng-seed", "--kvm", "irqfd=off,ioeventfd=on", "--cmdline=--stats"),
		0);
	CHECK_STR(o.exec, "cat /proc/cpuinfo");
	CHECK_STR(o.cmdline, "--stats");
	CHECK(o.stats && o.trace_exits && !o.kaslr && !o.rng_seed && !o.irqfd && o.ioeventfd);

	CHECK_EQ(PARSE(&o, &error, "--dump-dtb", "out.dtb", "--cpu-features", "pmu=off,steal-time=off"), 0);
	CHECK_STR(o.dump_dtb, "out.dtb");
	CHECK(!o.pmu && !o.pvtime && o.sve && o.pauth);
}

static void consoles(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--console", "pty"), 0);
	CHECK_EQ(o.console.kind, CONSOLE_PTY);
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--console", "file=a,b=c"), 0);
	CHECK_EQ(o.console.kind, CONSOLE_FILE);
	CHECK_STR(o.console.path, "a,b=c");
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--console=unix=/run/s"), 0);
	CHECK_EQ(o.console.kind, CONSOLE_UNIX);
	CHECK_STR(o.console.path, "/run/s");
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--console", "file=x", "--console", "stdio"), 0);
	CHECK_EQ(o.console.kind, CONSOLE_STDIO);
	CHECK(!o.console.path);
}

static void last_one_counts(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--kernel", "a", "--kernel=b", "--memory", "1G", "--memory", "64M"), 0);
	CHECK_STR(o.kernel, "b");
	CHECK_EQ(o.memory, 64 * MiB);
	CHECK_EQ(PARSE(&o, &error, "--kernel", "a", "--no-rng", "--rng", "source=/dev/x"), 0);
	CHECK(o.rng);
	CHECK_STR(o.rng_source, "/dev/x");
	CHECK_EQ(PARSE(&o, &error, "--kernel", "a", "--rng", "source=/dev/x", "--no-rng"), 0);
	CHECK(!o.rng && !o.rng_source);
}

static void disks(void)
{
	static char program[] = "minivmm", kernel[] = "--kernel=k", option[] = "--disk";
	char *argv[2 + 2 * (OPTIONS_MAX_DISKS + 1)] = { program, kernel };
	char texts[OPTIONS_MAX_DISKS + 1][16];
	struct error error = { .status = STATUS_OK };
	struct options o;
	int argc = 2;

	CHECK_EQ(PARSE(&o, &error, "--kernel", "a"), 0);
	CHECK_EQ(o.disk_count, 0);
	CHECK_EQ(PARSE(&o, &error, "--kernel", "a", "--disk",
			 "path=one,ro,direct=on,aio=threads,queues=4,queue-size=64", "--rng", "source=/dev/x", "--disk",
			 "path=two,cache=writethrough,logical=4096,physical=16K,id=abc,aio=io_uring"),
		0);
	CHECK_EQ(o.disk_count, 2);
	CHECK_EQ(o.disks[0].place.order, 1);
	CHECK_EQ(o.rng_place.order, 2);
	CHECK_EQ(o.disks[1].place.order, 3);
	CHECK_STR(o.disks[0].file.path, "one");
	CHECK(o.disks[0].file.read_only && o.disks[0].file.direct && !o.disks[0].write_through && !o.disks[0].id);
	CHECK_EQ(o.disks[0].file.aio, BLOCK_AIO_THREADS);
	CHECK_EQ(o.disks[0].queues, 4);
	CHECK_EQ(o.disks[0].queue_size, 64);
	CHECK_EQ(o.disks[1].queue_size, 0);
	CHECK_STR(o.disks[1].file.path, "two");
	CHECK(!o.disks[1].file.read_only && !o.disks[1].file.direct && o.disks[1].write_through);
	CHECK_EQ(o.disks[1].file.aio, BLOCK_AIO_URING);
	CHECK_EQ(o.disks[1].queues, 1);
	CHECK_EQ(o.disks[1].file.logical, 4096);
	CHECK_EQ(o.disks[1].file.physical, 16384);
	CHECK_STR(o.disks[1].id, "abc");

	CHECK_EQ(PARSE(&o, &error, "--kernel", "a", "--rng", "features=+in_order,-event_idx", "--disk",
			 "features=-flush,+ring_packed,-mq,path=x,ro"),
		0);
	CHECK_EQ(o.rng_features.on, 1ULL << 35);
	CHECK_EQ(o.rng_features.off, 1ULL << 29);
	CHECK_EQ(o.disks[0].features.on, 1ULL << 34);
	CHECK_EQ(o.disks[0].features.off, 1ULL << 9 | 1ULL << 12);
	CHECK(o.disks[0].file.read_only && !o.rng_source);

	for (int i = 0; i <= OPTIONS_MAX_DISKS; i++) {
		snprintf(texts[i], sizeof(texts[i]), "path=d%d", i);
		argv[argc++] = option;
		argv[argc++] = texts[i];
	}
	CHECK_EQ(options_parse(&o, argc, argv, &error), -1);
	CHECK_HAS(error.text, "--disk: there is room for 30 disks");
}

static void vhost_users(void)
{
	static char program[] = "minivmm", kernel[] = "--kernel=k", option[] = "--vhost-user";
	char many[9][24];
	char *argv[2 + 2 * 9] = { program, kernel };
	const struct vhost_user_device_options *u;
	struct error error = { .status = STATUS_OK };
	struct options o;
	int argc = 2;

	CHECK_EQ(PARSE(&o, &error, "--kernel", "a", "--vhost-user", "rng,socket=/r,features=+ring_packed,-63", "--disk",
			 "path=one", "--vhost-user", "blk,socket=/b,queues=4,queue-size=64,reconnect=2,bus=pci",
			 "--vhost-user", "fs,socket=/f,tag=home,queues=2"),
		0);
	CHECK_EQ(o.vhost_user_count, 3);
	u = &o.vhost_users[0];
	CHECK_STR(u->socket, "/r");
	CHECK_STR(u->kind.name, "vhost-user-rng");
	CHECK_EQ(u->kind.device_id, 4);
	CHECK_EQ(u->kind.queue_count, 1);
	CHECK_EQ(u->features.on, 1ULL << 34);
	CHECK_EQ(u->features.off, 1ULL << 63);
	CHECK_EQ(u->place.order, 1);
	CHECK_EQ(u->place.bus, TRANSPORT_MMIO);
	u = &o.vhost_users[1];
	CHECK_EQ(u->kind.device_id, 2);
	CHECK_EQ(u->kind.queue_count, 4);
	CHECK_EQ(u->kind.queue_size, 64);
	CHECK_EQ(u->kind.config_size, 60);
	CHECK(u->kind.needs_config && !u->kind.config);
	CHECK_EQ(u->reconnect, 2);
	CHECK_EQ(u->place.order, 3);
	CHECK_EQ(u->place.slot, 1);
	u = &o.vhost_users[2];
	CHECK_EQ(u->kind.device_id, 26);
	CHECK_EQ(u->kind.queue_count, 3);
	CHECK_EQ(u->kind.config_size, 40);
	CHECK(u->kind.config && !memcmp(u->kind.config, "home\0\0\0\0", 8));
	CHECK_EQ(((const uint8_t *)u->kind.config)[36], 2);

	CHECK_EQ(PARSE(&o, &error, "--kernel", "a", "--vhost-user", "id=7,socket=/x,queues=3,config-size=8",
			 "--vhost-user", "net,socket=/n,mac=52:54:00:12:34:56", "--vhost-user", "vsock,socket=/v"),
		0);
	CHECK_EQ(o.vhost_users[0].kind.device_id, 7);
	CHECK_EQ(o.vhost_users[0].kind.queue_count, 3);
	CHECK_EQ(o.vhost_users[0].kind.config_size, 8);
	CHECK_EQ(o.vhost_users[1].kind.queue_count, 2);
	CHECK_EQ(o.vhost_users[1].kind.own, 1 << 5);
	CHECK(o.vhost_users[1].kind.config && !memcmp(o.vhost_users[1].kind.config, "\x52\x54\x00\x12\x34\x56", 6));
	CHECK_EQ(o.vhost_users[2].kind.unserved, 1);

	for (int i = 0; i < 9; i++) {
		snprintf(many[i], sizeof(many[i]), "rng,socket=/%d", i);
		argv[argc++] = option;
		argv[argc++] = many[i];
	}
	CHECK_EQ(options_parse(&o, argc, argv, &error), -1);
	CHECK_HAS(error.text, "--vhost-user: there is room for 8 devices");
}

static void actions(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--help", "--nonsense"), 0);
	CHECK_EQ(o.action, ACTION_HELP);
	CHECK_EQ(PARSE(&o, &error, "-h"), 0);
	CHECK_EQ(o.action, ACTION_HELP);
	CHECK_EQ(PARSE(&o, &error, "--version"), 0);
	CHECK_EQ(o.action, ACTION_VERSION);
	CHECK_EQ(PARSE(&o, &error, "--check"), 0);
	CHECK_EQ(o.action, ACTION_CHECK);
	CHECK_EQ(PARSE(&o, &error, "--check", "--nonsense"), -1);
}

static void a_recorded_guest_runs_in_step(void)
{
	struct options o;
	struct error error;
	char first[] = "path=a", second[] = "path=b,aio=sync", third[] = "path=c,aio=threads";

	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--record", "f", "--disk", first, "--disk", second), 0);
	CHECK_STR(o.record, "f");
	CHECK(!o.ioeventfd && !o.mirror && o.irqfd);
	CHECK_EQ(o.disks[0].file.aio, BLOCK_AIO_SYNC);
	CHECK_EQ(o.disks[1].file.aio, BLOCK_AIO_SYNC);
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--record", "f", "--disk", third), -1);
	CHECK_HAS(error.text, "--record: the guest runs in step with its disks");
	CHECK_EQ(PARSE(&o, &error, "--record", "f", "--qtest", "stdio"), -1);
	CHECK_HAS(error.text, "--record: with --qtest there is no guest");
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--record", "f", "--hostile", "1"), -1);
	CHECK_HAS(error.text, "leave --hostile out");
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--record", "f", "--trace", "t"), -1);
	CHECK_HAS(error.text, "--record and --trace");
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--record", "f", "--console-type", "8250"), -1);
	CHECK_HAS(error.text, "--record: an 8250 is not recorded");
}

static void hostile(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--kernel", "k"), 0);
	CHECK(!o.hostile.on);
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--hostile", "42"), 0);
	CHECK(o.hostile.on && !o.hostile.log);
	CHECK_EQ(o.hostile.seed, 42);
	CHECK_EQ(o.hostile.rate, 16);
	CHECK_EQ(o.hostile.kinds, (1u << HOSTILE_KINDS) - 1);
	CHECK_EQ(PARSE(&o, &error, "--kernel", "k", "--hostile=0xffffffffffffffff,log,rate=1,only=entropy+used-id"), 0);
	CHECK(o.hostile.on && o.hostile.log);
	CHECK_EQ(o.hostile.seed, UINT64_MAX);
	CHECK_EQ(o.hostile.rate, 1);
	CHECK_EQ(o.hostile.kinds, 1u << HOSTILE_ENTROPY | 1u << HOSTILE_USED_ID);
}

static void help_fits_a_screen(void)
{
	char *text = NULL, *line, *save;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	unsigned int lines = 0;

	REQUIRE(file);
	options_help(file);
	fclose(file);
	for (char *p = text; *p; p++)
		lines += *p == '\n';
	CHECK(lines <= 50);
	CHECK_EQ(text[size - 1], '\n');
	CHECK_HAS(text, "  --memory SIZE");
	CHECK_HAS(text, "  --cpu-features LIST");
	CHECK_HAS(text, "Exit status: 0 ");
	CHECK_HAS(text, "  --disk path=FILE,...");
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strlen(line) > 80)
			printf("# %s\n", line);
		CHECK(strlen(line) <= 80);
		CHECK_EQ(strspn(line, " ") == strlen(line), false);
		/* The name of an option never runs into its help. */
		if (!strncmp(line, "  --", 4))
			CHECK(line[22] == ' ' && line[23] != ' ');
	}
	free(text);
}

static void sizes(void)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "1k", 0, KiB },
		{ "3M", 0, 3 * MiB },
		{ "007g", 0, 7 * GiB },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE },
		{ "17179869183G", 0, 17179869183ULL << 30 },
		{ "17179869184G", -ERANGE },
		{ "", -EINVAL },
		{ "K", -EINVAL },
		{ "1Kx", -EINVAL },
		{ "1 K", -EINVAL },
		{ "+1", -EINVAL },
		{ "1MM", -EINVAL },
		{ "a", -EINVAL },
	};
	char buf[SIZE_TEXT_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t bytes = 0;

		CHECK_EQ(parse_size(rows[i].text, &bytes), rows[i].ret);
		CHECK_EQ(bytes, rows[i].bytes);
	}
	CHECK_STR(size_text(0, buf), "0");
	CHECK_STR(size_text(1536, buf), "1536");
	CHECK_STR(size_text(64 * KiB, buf), "64K");
	CHECK_STR(size_text(255 * GiB, buf), "255G");
	CHECK_STR(size_text(2048 * GiB, buf), "2048G");
	CHECK_STR(size_text(UINT64_MAX, buf), "18446744073709551615");
}

static void numbers(void)
{
	uint64_t n = 5;

	CHECK_EQ(parse_number("0", &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(parse_number("0xFFFFffffFFFFffff", &n), 0);
	CHECK_EQ(n, UINT64_MAX);
	CHECK_EQ(parse_number("0x10000000000000000", &n), -ERANGE);
	CHECK_EQ(parse_number("0x", &n), -EINVAL);
	CHECK_EQ(parse_number("12a", &n), -EINVAL);
	CHECK_EQ(parse_number("-1", &n), -EINVAL);
	CHECK_EQ(n, UINT64_MAX);
}

/* The shape of the devices' lists: path=F,ro. */
struct sample {
	const char *path;
	bool ro, direct;
	uint64_t size, id;
};

static const struct keyval_key sample_keys[] = {
	{ "path", KEYVAL_STRING, offsetof(struct sample, path), true },
	{ "ro", KEYVAL_FLAG, offsetof(struct sample, ro) },
	{ "direct", KEYVAL_SWITCH, offsetof(struct sample, direct) },
	{ "size", KEYVAL_SIZE, offsetof(struct sample, size) },
	{ "id", KEYVAL_NUMBER, offsetof(struct sample, id) },
};

static int parse_sample(char *text, struct sample *sample, struct error *error)
{
	*sample = (struct sample){ 0 };
	*error = (struct error){ 0 };
	return keyval_parse("--disk", text, sample_keys, ARRAY_SIZE(sample_keys), sample, error);
}

static void lists(void)
{
	char all[] = "path=/a,,b=c,ro,size=4G,id=0x1f,direct=on", odd[] = "ro=off,path=,,,,,id=3";
	struct sample sample;
	struct error error;

	CHECK_EQ(parse_sample(all, &sample, &error), 0);
	REQUIRE(sample.path);
	CHECK_STR(sample.path, "/a,b=c");
	CHECK(sample.ro && sample.direct);
	CHECK_EQ(sample.size, 4 * GiB);
	CHECK_EQ(sample.id, 31);

	CHECK_EQ(parse_sample(odd, &sample, &error), 0);
	REQUIRE(sample.path);
	CHECK_STR(sample.path, ",,");
	CHECK(!sample.ro);
	CHECK_EQ(sample.id, 3);
}

static void lists_refused(void)
{
	static const char *const rows[][2] = {
		{ "ro", "--disk: path=... is missing" },
		{ "", "--disk: unknown key \"\"; it takes path, ro, direct, size, id" },
		{ "path=x,,ro,rw", "--disk: unknown key \"rw\"" },
		{ "path=x,paths=y", "--disk: unknown key \"paths\", did you mean path?" },
		{ "path=x,ro,ro=on", "--disk: ro is given twice" },
		{ "path=x,ro=yes", "--disk: ro=yes: write on or off, or nothing" },
		{ "path=x,direct", "--disk: direct=: write on or off" },
		{ "path=x,size=big", "--disk: size=big: write a size like 512M" },
		{ "path=x,size=99999999999G", "this one is too large" },
		{ "path=x,id=", "--disk: id=: write a number" },
		{ "path", "--disk: path=: write a text" },
		{ "path=x,", "unknown key \"\"" },
		{ "path=\n,rx\n", "unknown key \"rx?\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sample sample;
		struct error error;
		char text[64];

		snprintf(text, sizeof(text), "%s", rows[i][0]);
		CHECK_EQ(parse_sample(text, &sample, &error), -1);
		CHECK_EQ(error.status, STATUS_USAGE);
		CHECK_HAS(error.text, rows[i][1]);
		CHECK(!strchr(error.text, '\n'));
	}
}

static void nearest(void)
{
	static const char *const names[] = { "kernel", "initrd", "cmdline", "cpus", "memory", "rng", "no-rng" };
	static const char *const rows[][2] = {
		{ "kernel", "kernel" },
		{ "kenrel", "kernel" },
		{ "krnl", "kernel" },
		{ "cmdlin", "cmdline" },
		{ "cmdlnie", "cmdline" },
		{ "cpsu", NULL },
		{ "cpu", "cpus" },
		{ "cpuss", "cpus" },
		{ "r", "rng" },
		{ "norng", "no-rng" },
		{ "x", NULL },
		{ "", NULL },
		{ "memroy", "memory" },
		{ "mxmxrx", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *near = nearest_name(rows[i][0], names, ARRAY_SIZE(names));

		CHECK_STR(near ? near : "none", rows[i][1] ? rows[i][1] : "none");
	}
}

/* The first cause is kept, and what a file name brings along cannot break the line. */
static void error_is_one_line(void)
{
	struct error error = { 0 };

	CHECK_EQ(error_set(&error, STATUS_BAD_FILE, "%s: cannot open", "a\nb\033[2Jc\x7f"), -1);
	CHECK_STR(error.text, "a?b?[2Jc?: cannot open");
	CHECK_EQ(error_set(&error, STATUS_HOST, "second"), -1);
	CHECK_EQ(error.status, STATUS_BAD_FILE);
	CHECK_HAS(error.text, "cannot open");
	error = (struct error){ 0 };
	error_set(&error, STATUS_HOST, "gr\xc3\xbc\xc3\x9f");
	CHECK_STR(error.text, "gr\xc3\xbc\xc3\x9f");
}

static const struct test tests[] = {
	TEST(refused_in_one_line),
	TEST(long_arguments),
	TEST(defaults),
	TEST(every_value_arrives),
	TEST(consoles),
	TEST(last_one_counts),
	TEST(disks),
	TEST(vhost_users),
	TEST(actions),
	TEST(a_recorded_guest_runs_in_step),
	TEST(hostile),
	TEST(help_fits_a_screen),
	TEST(sizes),
	TEST(numbers),
	TEST(lists),
	TEST(lists_refused),
	TEST(nearest),
	TEST(error_is_one_line),
};
TEST_MAIN(tests)
