/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor says about hosts that are only described here, and that asking the real one does not fail. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "test.h"

/* An arm64 server on which nothing is missing that Debian 12 could give. */
static struct check_facts good_host(void)
{
	struct check_facts facts = {
		.machine = "aarch64",
		.release = "6.1.0-arm64",
		.user = "ann",
		.kvm = { .exists = true, .mode = 020660, .gid = 104, .group = "kvm" },
		.vhost_net = { .exists = true },
		.vhost_vsock = { .exists = true },
		.tun = { .exists = true },
		.api_version = 12,
		.gicv3 = true,
		.its = true,
		.page_size = 4096,
		.memory = 4 * GiB,
		.memory_free = 3 * GiB,
		.thp = "always",
		.thp_shmem = "advise",
		.huge_free = 1,
		.huge_size = 2 * MiB,
		.memlock = UINT64_MAX,
	};

	for (size_t i = 0; i < CHECK_CAP_COUNT; i++)
		facts.cap[i] = 1;
	facts.cap[CHECK_CAP_IPA_SIZE] = 40;
	facts.cap[CHECK_CAP_MAX_VCPUS] = 512;
	facts.cap[CHECK_CAP_NR_VCPUS] = 4;
	return facts;
}

/* One line per item, in columns; the caller frees it. */
static char *print(const struct check_facts *facts, enum exit_status want)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		abort();
	CHECK_EQ(check_print(facts, file), want);
	fclose(file);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		CHECK(strlen(line) > 27);
		CHECK(!strncmp(line + 18, "ok       ", 9) || !strncmp(line + 18, "missing  ", 9));
		CHECK(line[17] == ' ' && line[0] != ' ' && line[27] != ' ');
		if (!strchr(line, '\n')) {
			TEST_FAIL_("the last line has no end");
			break;
		}
	}
	return text;
}

#define CHECK_PRINT(facts, status, ...)                                                                                \
	do {                                                                                                           \
		static const char *const wanted_[] = { __VA_ARGS__ };                                                  \
		char *text_ = print(facts, status);                                                                    \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(wanted_); i_++)                                                    \
			CHECK_HAS(text_, wanted_[i_]);                                                                 \
		free(text_);                                                                                           \
	} while (0)

static void all_there(void)
{
	struct check_facts facts = good_host();
	char *text = print(&facts, STATUS_OK);

	CHECK_HAS(text, "/dev/kvm          ok       readable and writable, group kvm\n");
	CHECK_HAS(text, "IPA size          ok       40 bits, guest addresses up to 1024 GiB\n");
	CHECK_HAS(text, "GICv2             missing  not on this hardware\n");
	CHECK_HAS(text, "page size         ok       4K\n");
	CHECK_HAS(text, "guests            ok       can run here\n");
	free(text);
}

static void gicv2_only(void)
{
	struct check_facts facts = good_host();

	facts.gicv3 = facts.its = false;
	facts.gicv2 = true;
	CHECK_PRINT(&facts, STATUS_OK, "GICv3             missing", "GICv2             ok       up to 8 CPUs");
	facts.gicv2 = false;
	CHECK_PRINT(&facts, STATUS_HOST, "guests            missing  cannot run here: a GIC for guests is missing");
}

static void small_address_space(void)
{
	struct check_facts facts = good_host();

	facts.cap[CHECK_CAP_IPA_SIZE] = 36;
	CHECK_PRINT(&facts, STATUS_OK, "36 bits, guest addresses up to 64 GiB");
	facts.cap[CHECK_CAP_IPA_SIZE] = 31;
	CHECK_PRINT(&facts, STATUS_HOST, "IPA size          missing  31 bits");
	/* Not asked for by kernels before 4.20: 40. */
	facts.cap[CHECK_CAP_IPA_SIZE] = 0;
	CHECK_PRINT(&facts, STATUS_OK, "40 bits");
}

static void optional_is_optional(void)
{
	static const enum check_cap caps[] = { CHECK_CAP_IOEVENTFD, CHECK_CAP_IRQFD, CHECK_CAP_SVE, CHECK_CAP_PMU,
		CHECK_CAP_MTE, CHECK_CAP_EL2, CHECK_CAP_NISV, CHECK_CAP_PTRAUTH_ADDRESS, CHECK_CAP_STEAL_TIME };
	struct check_facts facts = good_host();

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		facts.cap[caps[i]] = 0;
	facts.cap[CHECK_CAP_READONLY_MEM] = -1;
	facts.uring_error = EPERM;
	facts.vhost_net = (struct check_node){ .error = ENOENT };
	facts.tun = (struct check_node){ .error = EACCES, .exists = true };
	snprintf(facts.thp, sizeof(facts.thp), "never");
	CHECK_PRINT(&facts, STATUS_OK, "nested (EL2)      missing  needs FEAT_NV2, Linux 6.16",
		"read-only memory  missing", "pointer auth      missing",
		"io_uring          missing  forbidden: sudo sysctl kernel.io_uring_disabled=0",
		"vhost-net         missing  no /dev/vhost-net: sudo modprobe vhost_net",
		"tap               missing  /dev/net/tun: permission denied: sudo setfacl -m u:ann:rw /dev/net/tun",
		"huge pages        missing  transparent: never; echo madvise");
}

static void required_is_required(void)
{
	static const enum check_cap caps[] = { CHECK_CAP_PSCI, CHECK_CAP_ONE_REG, CHECK_CAP_IMMEDIATE_EXIT };

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		struct check_facts facts = good_host();

		facts.cap[caps[i]] = 0;
		CHECK_PRINT(&facts, STATUS_HOST, "guests            missing  cannot run here: ");
	}
}

static void vm_refused(void)
{
	struct check_facts facts = good_host();

	facts.vm_error = ENOMEM;
	CHECK_PRINT(&facts, STATUS_HOST, "making a VM       missing  KVM_CREATE_VM: Cannot allocate memory; free");
	facts = good_host();
	facts.api_version = 11;
	CHECK_PRINT(&facts, STATUS_HOST, "KVM API           missing  version 11, 12 is expected");
}

static void another_architecture(void)
{
	struct check_facts facts = good_host();
	char *text;

	snprintf(facts.machine, sizeof(facts.machine), "x86_64");
	text = print(&facts, STATUS_HOST);
	CHECK_HAS(
		text, "aarch64 host      missing  KVM on x86_64 cannot run aarch64 guests; guest/boot emulates a host");
	CHECK_HAS(text, "cannot run here: aarch64 host is missing");
	CHECK(!strstr(text, "GICv3"));
	CHECK(!strstr(text, "SVE"));
	free(text);
}

static void kvm_problems(void)
{
	static const struct {
		struct check_node node;
		const char *user, *text;
	} rows[] = {
		{ { .error = ENOENT }, "ann", "/dev/kvm is not there: " },
		{ { .error = EACCES, .exists = true, .mode = 020660, .gid = 104, .group = "kvm" }, "ann",
			"it belongs to group kvm: sudo usermod -aG kvm ann, then log in again" },
		{ { .error = EACCES, .exists = true, .mode = 020660, .gid = 36, .group = "virt" }, NULL,
			"sudo usermod -aG virt $USER" },
		{ { .error = EACCES, .exists = true, .mode = 020660, .gid = 36, .group = "virt" }, "",
			"sudo usermod -aG virt $USER" },
		{ { .error = EACCES, .exists = true, .mode = 020600, .gid = 104, .group = "kvm" }, "ann",
			"group kvm would not help: sudo setfacl -m u:ann:rw /dev/kvm" },
		/* Nobody should be told to join root's group. */
		{ { .error = EACCES, .exists = true, .mode = 020660, .gid = 0, .group = "root" }, "ann",
			"group root would not help: sudo setfacl" },
		{ { .error = EPERM, .exists = true }, "ann", "forbidden by the container" },
		{ { .error = ENODEV, .exists = true }, "ann", "there is no KVM behind it" },
		{ { .error = EMFILE, .exists = true }, "ann", "/dev/kvm: Too many open files" },
	};
	struct check_node fine = { .exists = true };
	char text[400] = "x";

	CHECK(!check_kvm_problem(&fine, "ann", text, sizeof(text)));
	CHECK_STR(text, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct check_facts facts = good_host();

		CHECK(check_kvm_problem(&rows[i].node, rows[i].user, text, sizeof(text)));
		CHECK_HAS(text, rows[i].text);
		CHECK(!strchr(text, '\n') && strlen(text) < 200);
		facts.kvm = rows[i].node;
		CHECK_PRINT(&facts, STATUS_HOST, "cannot run here: /dev/kvm is missing");
	}
}

static void nodes_are_asked(void)
{
	struct check_node node;

	check_node_gather("/dev/null", &node);
	CHECK(node.exists && !node.error && (node.mode & 0777) == 0666);
	check_node_gather("/nowhere/kvm", &node);
	CHECK(!node.exists);
	CHECK_EQ(node.error, ENOENT);
}

/* Whatever this host is, it can be described. */
static void this_host(void)
{
	struct check_facts facts;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	enum exit_status status;

	REQUIRE(file);
	check_gather(&facts);
	CHECK(facts.machine[0] && facts.page_size >= 4096 && facts.memory > 0);
	status = check_print(&facts, file);
	fclose(file);
	CHECK(status == STATUS_OK || status == STATUS_HOST);
	CHECK_HAS(text, "\nguests            ");
	free(text);
}

static const struct test tests[] = {
	TEST(all_there),
	TEST(gicv2_only),
	TEST(small_address_space),
	TEST(optional_is_optional),
	TEST(required_is_required),
	TEST(vm_refused),
	TEST(another_architecture),
	TEST(kvm_problems),
	TEST(nodes_are_asked),
	TEST(this_host),
};
TEST_MAIN(tests)
