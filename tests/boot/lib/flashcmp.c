/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells whether a flash was erased somewhere between two states: only that
 * makes a bit 1 again.
 *
 *	flashcmp BEFORE AFTER
 *
 * Exit status: 0 it was, 1 it was not, 2 a file cannot be read.
 */
#include <stdio.h>
#include <stdlib.h>

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file) {
		perror(path);
		exit(2);
	}
	return file;
}

int main(int argc, char *argv[])
{
	FILE *before, *after;
	int old, new;

	if (argc != 3) {
		fprintf(stderr, "usage: flashcmp BEFORE AFTER\n");
		return 2;
	}
	before = open_file(argv[1]);
	after = open_file(argv[2]);
	do {
		old = getc(before);
		new = getc(after);
		if (old != EOF && new != EOF &&new & ~old)
			return 0;
	} while (old != EOF && new != EOF);
	return 1;
}
