#ifndef LP_TEST_TEST_H
#define LP_TEST_TEST_H
/* What cmocka needs in its order, for every unit test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#endif
