/* SPDX-License-Identifier: Apache-2.0 */
/* The value of --kvm: what KVM does for a guest, less than it could. */
#ifndef MINIVMM_OPTIONS_KVM_H
#define MINIVMM_OPTIONS_KVM_H

#include "options.h"

/* value is cut up in place. 0, or -1 with *error. */
must_check int kvm_options_parse(struct options *options, char *value, struct error *error);

#endif
