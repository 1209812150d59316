/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resets as `lkvm selftest` checks them: arm/selftest/guest/resets.c. */
#include "guest.h"
#include "tests.h"

void main(void)
{
	test_resets();
}
