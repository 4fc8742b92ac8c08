#include "test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/err.h"

static void bytes_are_mapped_and_in_the_descriptor(void **state)
{
	struct blob *b = blob_new("hello", 5, NULL);
	struct stat st;
	char got[5];

	assert_non_null(b);
	assert_int_equal(b->len, 5);
	assert_memory_equal(b->data, "hello", 5);
	assert_int_equal(fstat(b->fd, &st), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(pread(b->fd, got, 5, 0), 5);
	assert_memory_equal(got, "hello", 5);
	blob_unref(b);
}

static void nobody_can_change_it(void **state)
{
	struct blob *b = blob_new("hello", 5, NULL);

	assert_int_equal(pwrite(b->fd, "J", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(b->fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(b->fd, 9), -1);
	blob_unref(b);
}

static void no_bytes_are_a_blob_too(void **state)
{
	struct blob *b = blob_new(NULL, 0, NULL);

	assert_non_null(b);
	assert_int_equal(b->len, 0);
	blob_unref(b);
}

static void it_lives_until_the_last_reference(void **state)
{
	struct blob *b = blob_new("hello", 5, NULL);
	int fd = b->fd;

	assert_ptr_equal(blob_ref(b), b);
	blob_unref(b);
	assert_memory_equal(b->data, "hello", 5);
	blob_unref(b);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	blob_unref(NULL);
}

static void pieces_become_one_sealed_blob(void **state)
{
	struct blob_writer w = { 0 };
	struct err err;
	struct blob *b;

	(void)state;
	assert_int_equal(blob_writer_open(&w, &err), 0);
	assert_int_equal(blob_writer_add(&w, "he", 2, &err), 0);
	assert_int_equal(blob_writer_add(&w, "llo", 3, &err), 0);
	b = blob_writer_finish(&w, &err);
	assert_non_null(b);
	assert_int_equal(b->len, 5);
	assert_memory_equal(b->data, "hello", 5);
	assert_int_equal(write(b->fd, "x", 1), -1);
	blob_unref(b);
	/* Dropping what is not open, and twice, is harmless. */
	blob_writer_drop(&w);
	assert_int_equal(blob_writer_open(&w, &err), 0);
	blob_writer_drop(&w);
	blob_writer_drop(&w);
}

static void heap_bytes_are_taken_over(void **state)
{
	uint8_t *p = malloc(3);
	struct blob *b;

	memcpy(p, "abc", 3);
	b = blob_from_heap(p, 3);
	assert_int_equal(b->fd, -1);
	assert_ptr_equal(b->data, p);
	blob_unref(b);	/* a leak would be the sanitizer's to tell */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_mapped_and_in_the_descriptor),
		cmocka_unit_test(nobody_can_change_it),
		cmocka_unit_test(no_bytes_are_a_blob_too),
		cmocka_unit_test(it_lives_until_the_last_reference),
		cmocka_unit_test(pieces_become_one_sealed_blob),
		cmocka_unit_test(heap_bytes_are_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
