/* SPDX-License-Identifier: Apache-2.0 */
/* See options_kvm.h. */
#include "options_kvm.h"

#include <string.h>

#include "keyval.h"

/* KVM_VM_TYPE_ARM_IPA_SIZE: KVM takes no less; 52 is the most that the architecture has. */
#define IPA_BITS_MIN 32
#define IPA_BITS_MAX 52

static int set_msi(struct options *options, const char *value, struct error *error)
{
	static const char *const kinds[] = { [MSI_AUTO] = "auto", [MSI_ITS] = "its", [MSI_V2M] = "v2m" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(value, kinds[i]))
			continue;
		options->msi = (enum msi_kind)i;
		return 0;
	}
	return error_set(error, STATUS_USAGE, "--kvm: msi=%s: write auto, its or v2m", value);
}

int kvm_options_parse(struct options *options, char *value, struct error *error)
{
	struct text {
		const char *msi;
		bool ioeventfd, irqfd, mirror;
		uint64_t ipa_bits;
	} text = {
		.ioeventfd = options->ioeventfd,
		.irqfd = options->irqfd,
		.mirror = options->mirror,
		.ipa_bits = options->ipa_bits ? options->ipa_bits : IPA_BITS_MAX,
	};
	static const struct keyval_key keys[] = {
		{ "ioeventfd", KEYVAL_SWITCH, offsetof(struct text, ioeventfd) },
		{ "irqfd", KEYVAL_SWITCH, offsetof(struct text, irqfd) },
		{ "mmio-mirror", KEYVAL_SWITCH, offsetof(struct text, mirror) },
		{ "msi", KEYVAL_STRING, offsetof(struct text, msi) },
		{ "ipa-bits", KEYVAL_NUMBER, offsetof(struct text, ipa_bits) },
	};

	if (keyval_parse("--kvm", value, keys, ARRAY_SIZE(keys), &text, error))
		return -1;
	if (text.ipa_bits < IPA_BITS_MIN || text.ipa_bits > IPA_BITS_MAX)
		return error_set(error, STATUS_USAGE, "--kvm: ipa-bits=%llu: write a number from %d to %d",
			(unsigned long long)text.ipa_bits, IPA_BITS_MIN, IPA_BITS_MAX);
	options->ioeventfd = text.ioeventfd;
	options->irqfd = text.irqfd;
	options->mirror = text.mirror;
	options->ipa_bits = (unsigned int)text.ipa_bits;
	return text.msi ? set_msi(options, text.msi, error) : 0;
}
