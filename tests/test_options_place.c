/* SPDX-License-Identifier: Apache-2.0 */
/* Where devices go: --transport, bus= and addr= of one device, and the slots given to those without. */
#include "options.h"
#include "test.h"

#define MAX_ARGS 12

static int parse(const char *const *args, struct options *options, struct error *error)
{
	static char text[2048];
	char *argv[MAX_ARGS + 2] = { (char[]){ "minivmm" }, (char[]){ "--kernel=k" } };
	int argc = 2;
	size_t used = 0;

	for (; argc <= MAX_ARGS && args[argc - 2]; argc++) {
		argv[argc] = text + used;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", args[argc - 2]) + 1;
	}
	*error = (struct error){ 0 };
	return options_parse(options, argc, argv, error);
}

#define PARSE(options, error, ...) parse((const char *const[MAX_ARGS]){ __VA_ARGS__ }, options, error)

static void mmio_by_default(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--disk", "path=a"), 0);
	CHECK(!o.pci && o.mmio);
	CHECK_EQ(o.msi, MSI_AUTO);
	CHECK_EQ(o.rng_place.bus, TRANSPORT_MMIO);
	CHECK_EQ(o.disks[0].place.bus, TRANSPORT_MMIO);
	CHECK_EQ(o.disks[0].place.slot, 0);
	CHECK_EQ(PARSE(&o, &error, "--transport", "pci", "--transport", "mmio"), 0);
	CHECK(!o.pci);
	/* Nothing is on the bus: there is none. */
	CHECK_EQ(PARSE(&o, &error, "--transport", "pci", "--no-rng"), 0);
	CHECK(!o.pci);
}

/* 32 of them, whatever they are given to. */
static void mmio_slots_run_out(void)
{
	static char program[] = "minivmm", kernel[] = "--kernel=k", disk[] = "--disk", user[] = "--vhost-user";
	char text[32][24];
	char *argv[2 + 2 * 32] = { program, kernel };
	struct options o;
	struct error error = { 0 };
	int argc = 2;

	for (int i = 0; i < 32; i++) {
		argv[argc++] = i < 26 ? disk : user;
		snprintf(text[i], sizeof(text[i]), i < 26 ? "path=%d" : "blk,socket=/%d", i);
		argv[argc++] = text[i];
	}
	CHECK_EQ(options_parse(&o, argc, argv, &error), -1);
	CHECK_HAS(error.text, "--vhost-user: no virtio-mmio slot is left, there are 32");
}

static void slots_in_order(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--disk", "path=a", "--rng", "features=-event_idx", "--disk", "path=b",
			 "--transport", "pci"),
		0);
	CHECK(o.pci && !o.mmio);
	CHECK_EQ(o.disks[0].place.bus, TRANSPORT_PCI);
	CHECK_EQ(o.disks[0].place.slot, 1);
	CHECK_EQ(o.rng_place.slot, 2);
	CHECK_EQ(o.disks[1].place.slot, 3);
	/* Without --rng the device is there, and the first. */
	CHECK_EQ(PARSE(&o, &error, "--transport=pci", "--disk", "path=a"), 0);
	CHECK_EQ(o.rng_place.slot, 1);
	CHECK_EQ(o.disks[0].place.slot, 2);
	CHECK_EQ(PARSE(&o, &error, "--transport=pci", "--no-rng", "--disk", "path=a"), 0);
	CHECK_EQ(o.disks[0].place.slot, 1);
}

static void one_by_one(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--disk", "path=a,bus=pci", "--disk", "path=b"), 0);
	CHECK(o.pci && o.mmio);
	CHECK_EQ(o.rng_place.bus, TRANSPORT_MMIO);
	CHECK_EQ(o.disks[0].place.slot, 1);
	CHECK_EQ(o.disks[1].place.bus, TRANSPORT_MMIO);
	CHECK_EQ(PARSE(&o, &error, "--transport", "pci", "--rng", "bus=mmio", "--disk", "path=a"), 0);
	CHECK_EQ(o.rng_place.bus, TRANSPORT_MMIO);
	CHECK_EQ(o.rng_place.slot, 0);
	CHECK_EQ(o.disks[0].place.slot, 1);
	/* A slot asked for is kept free, by devices before it too. */
	CHECK_EQ(PARSE(&o, &error, "--disk", "path=a", "--disk", "path=b,addr=1", "--rng", "addr=0x1f", "--disk",
			 "path=c", "--transport", "pci"),
		0);
	CHECK_EQ(o.disks[0].place.slot, 2);
	CHECK_EQ(o.disks[1].place.slot, 1);
	CHECK_EQ(o.rng_place.slot, 31);
	CHECK_EQ(o.disks[2].place.slot, 3);
	/* A later --rng overrules an earlier one, its place too. */
	CHECK_EQ(PARSE(&o, &error, "--rng", "bus=pci,addr=9", "--rng", "source=x"), 0);
	CHECK(!o.pci);
	CHECK_EQ(PARSE(&o, &error, "--rng", "bus=pci,addr=9", "--no-rng", "--disk", "path=a,bus=pci,addr=9"), 0);
	CHECK_EQ(o.disks[0].place.slot, 9);
}

static void serial_ports(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--console-type", "8250"), 0);
	CHECK_EQ(o.console_type, CONSOLE_8250);
	CHECK_EQ(PARSE(&o, &error, "--console-type=8250", "--console-type=pl011"), 0);
	CHECK_EQ(o.console_type, CONSOLE_PL011);
	CHECK(!o.pci);
	CHECK_EQ(PARSE(&o, &error, "--serial", "pci", "--serial", "pci,unix=/run/s,,1,addr=7"), 0);
	CHECK(o.pci);
	CHECK_EQ(o.serial_count, 2);
	CHECK_EQ(o.serials[0].console.kind, CONSOLE_PTY);
	CHECK_EQ(o.serials[0].place.slot, 1);
	CHECK_EQ(o.serials[1].console.kind, CONSOLE_UNIX);
	CHECK_STR(o.serials[1].console.path, "/run/s,1");
	CHECK_EQ(o.serials[1].place.slot, 7);
	/* Among other devices, each in its turn. */
	CHECK_EQ(PARSE(&o, &error, "--disk=path=a", "--serial=pci", "--rng=features=-event_idx", "--disk=path=b",
			 "--serial=pci,file=f", "--transport=pci"),
		0);
	CHECK_EQ(o.disks[0].place.slot, 1);
	CHECK_EQ(o.serials[0].place.slot, 2);
	CHECK_EQ(o.rng_place.slot, 3);
	CHECK_EQ(o.disks[1].place.slot, 4);
	CHECK_EQ(o.serials[1].place.slot, 5);
	CHECK_EQ(o.serials[1].console.kind, CONSOLE_FILE);
	/* An rng that nobody asked for is the first; a serial port is on the PCI bus wherever others are. */
	CHECK_EQ(PARSE(&o, &error, "--serial=pci,stdio", "--console=file=x", "--transport=pci", "--transport=mmio"), 0);
	CHECK_EQ(o.serials[0].console.kind, CONSOLE_STDIO);
	CHECK_EQ(o.serials[0].place.bus, TRANSPORT_PCI);
	CHECK_EQ(o.serials[0].place.slot, 1);
	CHECK_EQ(PARSE(&o, &error, "--serial=pci", "--transport=pci"), 0);
	CHECK_EQ(o.rng_place.slot, 1);
	CHECK_EQ(o.serials[0].place.slot, 2);
}

static void the_bus_is_full(void)
{
	static char program[] = "minivmm", option[] = "--disk", disk[] = "path=d", pci[] = "--transport=pci",
		    kernel[] = "--kernel=k";
	char texts[OPTIONS_MAX_DISKS][16], *argv[3 + 2 * OPTIONS_MAX_DISKS] = { program, kernel, pci };
	struct error error = { .status = STATUS_OK };
	struct options o;
	int argc = 3;

	for (int i = 0; i < OPTIONS_MAX_DISKS; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%s%d", disk, i);
		argv[argc++] = option;
		argv[argc++] = texts[i];
	}
	CHECK_EQ(options_parse(&o, argc, argv, &error), 0);
	CHECK_EQ(o.disks[OPTIONS_MAX_DISKS - 1].place.slot, 31);
}

static void message_kinds(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--kvm", "msi=v2m,irqfd=off"), 0);
	CHECK_EQ(o.msi, MSI_V2M);
	CHECK(!o.irqfd && o.ioeventfd);
	CHECK_EQ(PARSE(&o, &error, "--kvm", "msi=v2m", "--kvm", "ioeventfd=off"), 0);
	CHECK_EQ(o.msi, MSI_V2M);
	CHECK_EQ(PARSE(&o, &error, "--kvm", "msi=v2m", "--kvm", "msi=its"), 0);
	CHECK_EQ(o.msi, MSI_ITS);
}

static void address_bits(void)
{
	struct options o;
	struct error error;

	CHECK_EQ(PARSE(&o, &error, "--transport", "mmio"), 0);
	CHECK_EQ(o.ipa_bits, 0);
	CHECK_EQ(PARSE(&o, &error, "--kvm", "ipa-bits=36", "--kvm", "irqfd=off"), 0);
	CHECK_EQ(o.ipa_bits, 36);
}

static void refused(void)
{
	static const struct {
		const char *args[MAX_ARGS];
		const char *message;
	} rows[] = {
		{ { "--transport", "isa" }, "--transport isa: write mmio or pci" },
		{ { "--transport", "" }, "--transport : write mmio or pci" },
		{ { "--rng", "bus=ccw" }, "--rng: bus=ccw: write mmio or pci" },
		{ { "--disk", "path=a,bus=pc" }, "--disk: bus=pc: write mmio or pci" },
		{ { "--disk", "path=a,bus=pci,addr=0" }, "--disk: addr=0: write a PCI slot from 1 to 31" },
		{ { "--disk", "path=a,bus=pci,addr=32" }, "--disk: addr=32: write a PCI slot from 1 to 31" },
		{ { "--rng", "addr=4294967297,bus=pci" }, "--rng: addr=4294967297: write a PCI slot" },
		{ { "--disk", "path=a,addr=one" }, "--disk: addr=one: write a PCI slot from 1 to 31" },
		{ { "--disk", "path=a,addr=3" },
			"--disk: addr=3: a slot of the PCI bus, where the device is not; add bus=pci" },
		{ { "--transport", "pci", "--rng", "bus=mmio,addr=1" }, "--rng: addr=1: a slot of the PCI bus" },
		{ { "--transport", "pci", "--rng", "addr=7", "--disk", "path=a,addr=7" },
			"--disk: addr=7: that slot is taken already, by a --rng" },
		{ { "--serial", "pci,addr=2", "--serial", "pci,addr=2" },
			"--serial: addr=2: that slot is taken already, by a --serial" },
		{ { "--disk", "path=a,bus=pci,addr=31", "--disk", "path=b,bus=pci,addr=0x1f" },
			"--disk: addr=31: that slot is taken already, by a --disk" },
		{ { "--kvm", "ipa-bits=31" }, "--kvm: ipa-bits=31: write a number from 32 to 52" },
		{ { "--kvm", "ipa-bits=53" }, "--kvm: ipa-bits=53: write a number from 32 to 52" },
		{ { "--kvm", "ipa-bits=4294967332" }, "--kvm: ipa-bits=4294967332: write a number from 32 to 52" },
		{ { "--kvm", "ipa-bits=" }, "--kvm: ipa-bits" },
		{ { "--kvm", "msi=gic" }, "--kvm: msi=gic: write auto, its or v2m" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options o;
		struct error error;

		CHECK_EQ(parse(rows[i].args, &o, &error), -1);
		CHECK_EQ(error.status, STATUS_USAGE);
		CHECK_HAS(error.text, rows[i].message);
		CHECK(!strchr(error.text, '\n'));
	}
}

static const struct test tests[] = {
	TEST(mmio_by_default),
	TEST(mmio_slots_run_out),
	TEST(slots_in_order),
	TEST(one_by_one),
	TEST(serial_ports),
	TEST(the_bus_is_full),
	TEST(message_kinds),
	TEST(address_bits),
	TEST(refused),
};
TEST_MAIN(tests)
