/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor, --check: what this host offers a virtual machine monitor, and for what is missing, the fix. check_gather asks
 * the host, check_print judges and prints; so the judging is testable without such a host. Neither changes the host.
 */
#ifndef MINIVMM_CHECK_H
#define MINIVMM_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "error.h"

/* KVM capabilities asked for; check.c has a row for each. */
enum check_cap {
	CHECK_CAP_PSCI,
	CHECK_CAP_ONE_REG,
	CHECK_CAP_IOEVENTFD,
	CHECK_CAP_IRQFD,
	CHECK_CAP_IRQFD_RESAMPLE,
	CHECK_CAP_IMMEDIATE_EXIT,
	CHECK_CAP_READONLY_MEM,
	CHECK_CAP_NISV,
	CHECK_CAP_EXT_DABT,
	CHECK_CAP_SUSPEND,
	CHECK_CAP_STEAL_TIME,
	CHECK_CAP_PMU,
	CHECK_CAP_SVE,
	CHECK_CAP_PTRAUTH_ADDRESS,
	CHECK_CAP_PTRAUTH_GENERIC,
	CHECK_CAP_MTE,
	CHECK_CAP_EL2,
	CHECK_CAP_MAX_VCPUS,
	CHECK_CAP_NR_VCPUS,
	CHECK_CAP_IPA_SIZE,
	CHECK_CAP_COUNT,
};

/* Who may use a device file. error is 0 if it could be opened for reading and writing, else open's errno. */
struct check_node {
	int error;
	bool exists;
	mode_t mode;
	gid_t gid;
	char group[32]; /* name of gid, its number if it has none */
};

struct check_facts {
	char machine[65]; /* uname -m */
	char release[65]; /* uname -r */
	char user[32];
	struct check_node kvm, vhost_net, vhost_vsock, tun;
	int api_version; /* KVM_GET_API_VERSION, or -errno */
	int vm_error; /* 0 or errno of KVM_CREATE_VM */
	int cap[CHECK_CAP_COUNT]; /* KVM_CHECK_EXTENSION's answer */
	bool gicv2, gicv3, its; /* KVM_CREATE_DEVICE would make one */
	uint64_t page_size;
	int uring_error; /* 0 or errno of io_uring_setup */
	uint64_t memory, memory_free; /* bytes: MemTotal, MemAvailable; 0 if not known */
	char thp[16], thp_shmem[16]; /* the choice in transparent_hugepage/enabled and shmem_enabled, "" if none */
	uint64_t huge_free, huge_size; /* reserved huge pages of the default size: free count, bytes each */
	uint64_t memlock; /* RLIMIT_MEMLOCK in bytes, UINT64_MAX: unlimited */
};

/* Asks the host; what cannot be found out is left as "not there". */
void check_gather(struct check_facts *facts);

/* Lines "item  ok|missing  detail", the last one the verdict. STATUS_OK when aarch64 guests can run, else STATUS_HOST. */
enum exit_status check_print(const struct check_facts *facts, FILE *file);

/*
 * Why /dev/kvm cannot be used and what to do about it, in one line. False (and an empty text) if it can be opened. For
 * kvm_open's message as well: fill node with check_node_gather("/dev/kvm", node).
 */
bool check_kvm_problem(const struct check_node *node, const char *user, char *text, size_t size);
void check_node_gather(const char *path, struct check_node *node);

#endif
