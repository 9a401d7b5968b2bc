#pragma once
#include <stdbool.h>
void stub_assert(bool right, const char *text, const char *file, int line);
void stub_run_test(const char *name, void (*test)(void));
int stub_unity_end(void);
#define TEST_ASSERT_TRUE(it) stub_assert((it), #it, __FILE__, __LINE__)
#define TEST_ASSERT_FALSE(it) stub_assert(!(it), "not " #it, __FILE__, __LINE__)
#define TEST_ASSERT_EQUAL(a, b) stub_assert((a) == (b), #a " == " #b, __FILE__, __LINE__)
#define UNITY_BEGIN() ((void)0)
#define RUN_TEST(test) stub_run_test(#test, test)
#define UNITY_END() stub_unity_end()
