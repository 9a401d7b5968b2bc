#pragma once
#include <stddef.h>
#include <stdint.h>
typedef uint8_t mz_uint8;
typedef uint32_t mz_uint32;
enum { TINFL_FLAG_HAS_MORE_INPUT = 2 };
typedef enum {
  TINFL_STATUS_BAD_PARAM = -3,
  TINFL_STATUS_FAILED = -1,
  TINFL_STATUS_DONE = 0,
  TINFL_STATUS_NEEDS_MORE_INPUT = 1,
  TINFL_STATUS_HAS_MORE_OUTPUT = 2
} tinfl_status;
/* The real one has 11 KiB and, as this one, nothing elsewhere. */
typedef struct tinfl_decompressor_tag {
  mz_uint32 m_state, m_num_bits;
  size_t used;
  _Alignas(16) mz_uint8 stream[128], memory[48 * 1024];
} tinfl_decompressor;
#define tinfl_init(r) ((r)->m_state = 0)
tinfl_status tinfl_decompress(tinfl_decompressor *r, const mz_uint8 *pIn_buf_next, size_t *pIn_buf_size,
                              mz_uint8 *pOut_buf_start, mz_uint8 *pOut_buf_next, size_t *pOut_buf_size,
                              const mz_uint32 decomp_flags);
