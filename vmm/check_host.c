/* SPDX-License-Identifier: Apache-2.0 */
/* See check.h: asking the host. Nothing is judged here and nothing is left open. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

/*
 * By number where linux/kvm.h may be too old, or hides arm64's name from other architectures: the numbers are the same
 * everywhere.
 */
static const int cap_numbers[CHECK_CAP_COUNT] = {
	[CHECK_CAP_PSCI] = 102, /* ARM_PSCI_0_2 */
	[CHECK_CAP_ONE_REG] = KVM_CAP_ONE_REG,
	[CHECK_CAP_IOEVENTFD] = KVM_CAP_IOEVENTFD,
	[CHECK_CAP_IRQFD] = KVM_CAP_IRQFD,
	[CHECK_CAP_IRQFD_RESAMPLE] = KVM_CAP_IRQFD_RESAMPLE,
	[CHECK_CAP_IMMEDIATE_EXIT] = KVM_CAP_IMMEDIATE_EXIT,
	[CHECK_CAP_READONLY_MEM] = KVM_CAP_READONLY_MEM,
	[CHECK_CAP_NISV] = 177, /* ARM_NISV_TO_USER */
	[CHECK_CAP_EXT_DABT] = 178, /* ARM_INJECT_EXT_DABT */
	[CHECK_CAP_SUSPEND] = 216, /* ARM_SYSTEM_SUSPEND */
	[CHECK_CAP_STEAL_TIME] = 187, /* STEAL_TIME */
	[CHECK_CAP_PMU] = 126, /* ARM_PMU_V3 */
	[CHECK_CAP_SVE] = 170, /* ARM_SVE */
	[CHECK_CAP_PTRAUTH_ADDRESS] = 171, /* ARM_PTRAUTH_ADDRESS */
	[CHECK_CAP_PTRAUTH_GENERIC] = 172, /* ARM_PTRAUTH_GENERIC */
	[CHECK_CAP_MTE] = 205, /* ARM_MTE */
	[CHECK_CAP_EL2] = 240, /* ARM_EL2 */
	[CHECK_CAP_MAX_VCPUS] = KVM_CAP_MAX_VCPUS,
	[CHECK_CAP_NR_VCPUS] = KVM_CAP_NR_VCPUS,
	[CHECK_CAP_IPA_SIZE] = 165, /* ARM_VM_IPA_SIZE */
};

/* From the file, not getgrgid: that one loads the host's name service libraries, which a static program must not. */
static void group_name(gid_t gid, char *name, size_t size)
{
	FILE *file = fopen("/etc/group", "re");
	struct group *group;

	snprintf(name, size, "%u", (unsigned int)gid);
	if (!file)
		return;
	while ((group = fgetgrent(file))) {
		if (group->gr_gid == gid) {
			snprintf(name, size, "%s", group->gr_name);
			break;
		}
	}
	fclose(file);
}

static int open_node(const char *path, struct check_node *node)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	*node = (struct check_node){ .error = fd < 0 ? errno : 0 };
	if (!stat(path, &st)) {
		node->exists = true;
		node->mode = st.st_mode;
		node->gid = st.st_gid;
		group_name(st.st_gid, node->group, sizeof(node->group));
	}
	return fd;
}

void check_node_gather(const char *path, struct check_node *node)
{
	int fd = open_node(path, node);

	if (fd >= 0)
		close(fd);
}

static bool can_create(int vm_fd, uint32_t type)
{
	struct kvm_create_device device = { .type = type, .flags = KVM_CREATE_DEVICE_TEST };

	return !ioctl(vm_fd, KVM_CREATE_DEVICE, &device);
}

static void gather_kvm(struct check_facts *facts)
{
	int fd = open_node("/dev/kvm", &facts->kvm), vm_fd, ipa;

	if (fd < 0)
		return;
	facts->api_version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (facts->api_version < 0)
		facts->api_version = -errno;
	for (size_t i = 0; i < CHECK_CAP_COUNT; i++)
		facts->cap[i] = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap_numbers[i]);
	/* On arm64 the type is the number of address bits, and 0 stands for 40, which some hosts do not have. */
	ipa = facts->cap[CHECK_CAP_IPA_SIZE];
	do
		vm_fd = ioctl(fd, KVM_CREATE_VM, (unsigned long)(ipa > 0 && ipa < 40 ? ipa : 0));
	while (vm_fd < 0 && errno == EINTR);
	facts->vm_error = vm_fd < 0 ? errno : 0;
	if (vm_fd >= 0) {
		facts->gicv2 = can_create(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V2);
		facts->gicv3 = can_create(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V3);
		facts->its = can_create(vm_fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
		close(vm_fd);
	}
	close(fd);
}

/* "always [madvise] never": the one in brackets. */
static void gather_choice(const char *path, char *choice, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[128], *open, *close;

	choice[0] = '\0';
	if (!file)
		return;
	if (fgets(line, sizeof(line), file) && (open = strchr(line, '[')) && (close = strchr(open, ']'))) {
		*close = '\0';
		snprintf(choice, size, "%s", open + 1);
	}
	fclose(file);
}

static void gather_memory(struct check_facts *facts)
{
	const struct {
		const char *name;
		uint64_t *value;
		uint64_t unit;
	} rows[] = {
		{ "MemTotal:", &facts->memory, KiB },
		{ "MemAvailable:", &facts->memory_free, KiB },
		{ "HugePages_Free:", &facts->huge_free, 1 },
		{ "Hugepagesize:", &facts->huge_size, KiB },
	};
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	struct rlimit limit;

	while (file && fgets(line, sizeof(line), file))
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if (!strncmp(line, rows[i].name, strlen(rows[i].name)))
				*rows[i].value = strtoull(line + strlen(rows[i].name), NULL, 10) * rows[i].unit;
	if (file)
		fclose(file);
	gather_choice("/sys/kernel/mm/transparent_hugepage/enabled", facts->thp, sizeof(facts->thp));
	gather_choice("/sys/kernel/mm/transparent_hugepage/shmem_enabled", facts->thp_shmem, sizeof(facts->thp_shmem));
	facts->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	facts->memlock = UINT64_MAX;
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		facts->memlock = limit.rlim_cur;
}

static void gather_uring(struct check_facts *facts)
{
	struct io_uring_params params = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, &params);

	facts->uring_error = fd < 0 ? errno : 0;
	if (fd >= 0)
		close((int)fd);
}

void check_gather(struct check_facts *facts)
{
	const char *user = getenv("USER");
	struct utsname name;

	*facts = (struct check_facts){ 0 };
	if (!uname(&name)) {
		snprintf(facts->machine, sizeof(facts->machine), "%s", name.machine);
		snprintf(facts->release, sizeof(facts->release), "%s", name.release);
	}
	if (user)
		snprintf(facts->user, sizeof(facts->user), "%s", user);
	gather_kvm(facts);
	check_node_gather("/dev/vhost-net", &facts->vhost_net);
	check_node_gather("/dev/vhost-vsock", &facts->vhost_vsock);
	check_node_gather("/dev/net/tun", &facts->tun);
	gather_memory(facts);
	gather_uring(facts);
}
