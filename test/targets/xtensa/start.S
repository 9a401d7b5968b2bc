/* start.S: the machine begins at the first address of its ROM, whatever the entry of the image: a stack, then C. */
  .section .text.start, "ax"
  .global _start
_start:
  j begin
  .align 4
  .literal_position
  .align 4
begin:
  movi a1, stack_end
  call0 run_image
