/* SPDX-License-Identifier: Apache-2.0 */
/* See check.h: the judging and the printing. Asking the host is check_host.c. */
#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "keyval.h"

/* What is told of a capability that is a plain yes or no. */
static const struct {
	const char *item;
	enum check_cap cap;
	bool required;
	bool arm; /* means nothing on another architecture's KVM */
	const char *there, *missing;
} cap_rows[] = {
	{ "PSCI in KVM", CHECK_CAP_PSCI, true, true, "starts and stops CPUs", "the kernel is too old: 3.15 or later" },
	{ "register access", CHECK_CAP_ONE_REG, true, true, "KVM_GET_ONE_REG, KVM_SET_ONE_REG",
		"the kernel is too old: 3.15 or later" },
	{ "immediate exit", CHECK_CAP_IMMEDIATE_EXIT, true, false, "no signal is lost on the way into the guest",
		"the kernel is too old: 4.13 or later" },
	{ "ioeventfd", CHECK_CAP_IOEVENTFD, false, false, "doorbells without an exit to user space",
		"doorbells will be slower; the kernel needs CONFIG_HAVE_KVM_EVENTFD" },
	{ "irqfd", CHECK_CAP_IRQFD, false, false, "interrupts without a call into KVM",
		"interrupts will be slower; the kernel needs CONFIG_HAVE_KVM_IRQFD" },
	{ "irqfd resample", CHECK_CAP_IRQFD_RESAMPLE, false, false, "level interrupts through irqfd",
		"not needed by any device here" },
	{ "read-only memory", CHECK_CAP_READONLY_MEM, false, false, "flash and shared pages without exits",
		"firmware in flash will be slower" },
	{ "NISV to user", CHECK_CAP_NISV, false, true, "odd MMIO instructions of the guest are reported, not fatal",
		"an MMIO access without a syndrome ends the guest; Linux 5.5 or later has it" },
	{ "abort injection", CHECK_CAP_EXT_DABT, false, true, "such an instruction gets an abort as on hardware",
		"Linux 5.5 or later has it" },
	{ "system suspend", CHECK_CAP_SUSPEND, false, true, "the guest can suspend to RAM",
		"the guest cannot suspend; Linux 5.19 or later has it" },
	{ "stolen time", CHECK_CAP_STEAL_TIME, false, true, "the guest sees time its CPUs did not get",
		"the guest cannot see it; Linux 5.10 or later has it" },
	{ "PMU", CHECK_CAP_PMU, false, true, "perf counters in the guest", "no perf counters in the guest" },
	{ "SVE", CHECK_CAP_SVE, false, true, "scalable vectors in the guest", "this CPU or kernel has none to give" },
	{ "MTE", CHECK_CAP_MTE, false, true, "memory tagging could be offered", "this CPU or kernel has none to give" },
	{ "nested (EL2)", CHECK_CAP_EL2, false, true, "guests could be hypervisors",
		"needs FEAT_NV2, Linux 6.16 or later and kvm-arm.mode=nested" },
};

struct report {
	const struct check_facts *facts;
	FILE *file;
	const char *obstacle; /* first required item that is missing */
};

__attribute__((format(printf, 4, 5))) static void say(
	struct report *report, const char *item, bool there, const char *format, ...)
{
	va_list args;

	fprintf(report->file, "%-18s%-9s", item, there ? "ok" : "missing");
	va_start(args, format);
	vfprintf(report->file, format, args);
	va_end(args);
	fputc('\n', report->file);
}

static void need(struct report *report, const char *item, bool there)
{
	if (!there && !report->obstacle)
		report->obstacle = item;
}

static bool is_arm64(const struct check_facts *facts)
{
	return !strcmp(facts->machine, "aarch64");
}

bool check_kvm_problem(const struct check_node *node, const char *user, char *text, size_t size)
{
	/* In the message it is for the shell to fill in. */
	const char *who = user && *user ? user : "$USER";

	text[0] = '\0';
	if (!node->error)
		return false;
	if (!node->exists)
		snprintf(text, size,
			"/dev/kvm is not there: the host needs Linux with KVM, started at EL2 (not a VM without "
			"nesting); "
			"a container needs --device /dev/kvm");
	else if (node->error == EACCES && (node->mode & 060) == 060 && node->gid)
		snprintf(text, size,
			"/dev/kvm: permission denied; it belongs to group %s: sudo usermod -aG %s %s, then log in "
			"again",
			node->group, node->group, who);
	else if (node->error == EACCES)
		snprintf(text, size,
			"/dev/kvm: permission denied, and membership of its group %s would not help: sudo setfacl -m "
			"u:%s:rw /dev/kvm",
			node->group, who);
	else if (node->error == EPERM)
		snprintf(text, size,
			"/dev/kvm: forbidden by the container or service this runs in: give it the device (--device "
			"/dev/kvm, DeviceAllow=/dev/kvm)");
	else if (node->error == ENODEV || node->error == ENXIO)
		snprintf(text, size,
			"/dev/kvm: there is no KVM behind it: the kernel was not started at EL2, or runs "
			"with kvm-arm.mode=none");
	else
		snprintf(text, size, "/dev/kvm: %s", strerror(node->error));
	return true;
}

static void report_host(struct report *report)
{
	const struct check_facts *facts = report->facts;
	char text[400];

	need(report, "aarch64 host", is_arm64(facts));
	if (is_arm64(facts))
		say(report, "aarch64 host", true, "Linux %s", facts->release);
	else
		say(report, "aarch64 host", false,
			"KVM on %s cannot run aarch64 guests; guest/boot emulates a host that can", facts->machine);
	need(report, "/dev/kvm", !facts->kvm.error);
	if (check_kvm_problem(&facts->kvm, facts->user, text, sizeof(text)))
		say(report, "/dev/kvm", false, "%s", text);
	else
		say(report, "/dev/kvm", true, "readable and writable, group %s", facts->kvm.group);
}

static void report_gic(struct report *report)
{
	const struct check_facts *facts = report->facts;
	static const char other[] = "not on this hardware";

	say(report, "GICv3", facts->gicv3, "%s", facts->gicv3 ? "up to 123 CPUs" : other);
	say(report, "GICv2", facts->gicv2, "%s", facts->gicv2 ? "up to 8 CPUs" : other);
	say(report, "ITS", facts->its, "%s",
		facts->its ? "message interrupts" : "no message interrupts; PCI uses others");
	need(report, "a GIC for guests", facts->gicv2 || facts->gicv3);
}

static void report_caps(struct report *report)
{
	const int *cap = report->facts->cap;
	bool arm = is_arm64(report->facts),
	     pauth = cap[CHECK_CAP_PTRAUTH_ADDRESS] > 0 && cap[CHECK_CAP_PTRAUTH_GENERIC] > 0;

	for (size_t i = 0; i < ARRAY_SIZE(cap_rows); i++) {
		bool there = cap[cap_rows[i].cap] > 0;

		if (cap_rows[i].arm && !arm)
			continue;
		say(report, cap_rows[i].item, there, "%s", there ? cap_rows[i].there : cap_rows[i].missing);
		if (cap_rows[i].required)
			need(report, cap_rows[i].item, there);
	}
	if (arm)
		say(report, "pointer auth", pauth, "%s",
			pauth ? "in the guest too" : "this CPU or kernel has none to give");
}

static void report_kvm(struct report *report)
{
	const struct check_facts *facts = report->facts;
	/* Hosts from before the question was asked have 40 bits. */
	int ipa = facts->cap[CHECK_CAP_IPA_SIZE] > 0 ? facts->cap[CHECK_CAP_IPA_SIZE] : 40;

	if (facts->kvm.error)
		return;
	say(report, "KVM API", facts->api_version == 12, "version %d%s", facts->api_version,
		facts->api_version == 12 ? "" : ", 12 is expected");
	need(report, "KVM API", facts->api_version == 12);
	if (facts->vm_error)
		say(report, "making a VM", false, "KVM_CREATE_VM: %s%s", strerror(facts->vm_error),
			facts->vm_error == ENOMEM ? "; free some memory" : "");
	else
		say(report, "making a VM", true, "up to %d CPUs, best no more than %d", facts->cap[CHECK_CAP_MAX_VCPUS],
			facts->cap[CHECK_CAP_NR_VCPUS]);
	need(report, "making a VM", !facts->vm_error);
	if (is_arm64(facts)) {
		say(report, "IPA size", ipa >= 32, "%d bits, guest addresses up to %llu GiB", ipa,
			ipa >= 30 && ipa < 64 ? 1ULL << (ipa - 30) : 0);
		need(report, "IPA size", ipa >= 32);
		report_gic(report);
	}
	report_caps(report);
}

static void report_node(struct report *report, const char *item, const struct check_node *node, const char *path,
	const char *module, const char *use)
{
	if (!node->error)
		say(report, item, true, "%s: %s", path, use);
	else if (!node->exists || node->error == ENODEV || node->error == ENXIO)
		say(report, item, false, "no %s: sudo modprobe %s", path, module);
	else if (node->error == EACCES)
		say(report, item, false, "%s: permission denied: sudo setfacl -m u:%s:rw %s", path,
			report->facts->user[0] ? report->facts->user : "$USER", path);
	else
		say(report, item, false, "%s: %s", path, strerror(node->error));
}

static void report_memory(struct report *report)
{
	const struct check_facts *facts = report->facts;
	bool thp = !strcmp(facts->thp, "always") || !strcmp(facts->thp, "madvise");
	bool thp_shmem = facts->thp_shmem[0] && strcmp(facts->thp_shmem, "never") && strcmp(facts->thp_shmem, "deny");
	char size[SIZE_TEXT_LEN];

	say(report, "page size", facts->page_size > 0, "%s", size_text(facts->page_size, size));
	say(report, "memory", facts->memory_free > 0, "%llu MiB of %llu MiB available",
		(unsigned long long)(facts->memory_free / MiB), (unsigned long long)(facts->memory / MiB));
	say(report, "huge pages", thp, "transparent: %s%s", facts->thp[0] ? facts->thp : "not in this kernel",
		thp || !facts->thp[0] ? "" : "; echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
	say(report, "huge shared", thp_shmem, "transparent, of shared memory: %s",
		facts->thp_shmem[0] ? facts->thp_shmem : "not in this kernel");
	say(report, "huge reserved", facts->huge_free > 0, "%llu pages of %s free; nothing here needs them",
		(unsigned long long)facts->huge_free, size_text(facts->huge_size, size));
	if (facts->memlock == UINT64_MAX)
		say(report, "locked memory", true, "unlimited");
	else
		say(report, "locked memory", true, "%llu KiB; ulimit -l raises it",
			(unsigned long long)(facts->memlock / KiB));
}

static void report_rest(struct report *report)
{
	const struct check_facts *facts = report->facts;

	report_node(
		report, "vhost-net", &facts->vhost_net, "/dev/vhost-net", "vhost_net", "network queues in the kernel");
	report_node(
		report, "vhost-vsock", &facts->vhost_vsock, "/dev/vhost-vsock", "vhost_vsock", "vsock in the kernel");
	report_node(report, "tap", &facts->tun, "/dev/net/tun", "tun",
		"use needs CAP_NET_ADMIN or a tap made for the user (ip tuntap add NAME mode tap user U)");
	say(report, "io_uring", !facts->uring_error, "%s",
		!facts->uring_error ? "asynchronous disks"
		: facts->uring_error == EPERM
			? "forbidden: sudo sysctl kernel.io_uring_disabled=0, or a seccomp filter in "
			  "the way"
		: facts->uring_error == ENOSYS ? "not in this kernel: CONFIG_IO_URING"
					       : strerror(facts->uring_error));
}

enum exit_status check_print(const struct check_facts *facts, FILE *file)
{
	struct report report = { .facts = facts, .file = file };

	report_host(&report);
	report_kvm(&report);
	report_memory(&report);
	report_rest(&report);
	if (report.obstacle)
		say(&report, "guests", false, "cannot run here: %s is missing", report.obstacle);
	else
		say(&report, "guests", true, "can run here");
	return report.obstacle ? STATUS_HOST : STATUS_OK;
}
