/* The C interface on a bare Cortex-M4F (QEMU's mps2-an386): a model in flash, one image, no libc.
   Prints the hash of seed 42's image, which scripts/test-c.sh compares with the golden one; ends
   with an error if a call fails. */
#include "../include/dreamlet.h"

/* The model, from scripts/test-c.sh. */
__asm__(".section .rodata.model, \"a\"\n.balign 64\n.global model_begin\nmodel_begin:\n.incbin \"" MODEL_FILE "\"\n"
        ".global model_end\nmodel_end:\n.balign 4\n.text\n");
extern const uint8_t model_begin[], model_end[];
extern uint32_t stack_top[];

static uint8_t scratch[96 * 1024];
static float latent[256];

/* Semihosting: the emulator takes the call. */
static void semihosting(uint32_t operation, const void *argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(const char *text) { semihosting(4, text); }

static void leave(int success) {
  semihosting(0x18, (const void *)(uintptr_t)(success ? 0x20026 : 0x20023));
  for (;;) {
  }
}

static void row(void *context, size_t number, const uint8_t *pixels, size_t len) {
  uint64_t *hash = context;
  (void)number;
  for (size_t i = 0; i < len; i++) *hash = (*hash ^ pixels[i]) * 0x100000001b3u;
}

static void fault(void) {
  print("fault\n");
  leave(0);
}

void start(void) {
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* the floating-point unit on */
  __asm__ volatile("dsb\nisb");
  struct dreamlet_model model;
  uint64_t hash = 0xcbf29ce484222325u;
  int32_t error = dreamlet_open(&model, model_begin, (size_t)(model_end - model_begin));
  if (!error && dreamlet_latent_len(&model) > 256) error = DREAMLET_LATENT_LENGTH;
  if (!error) error = dreamlet_latent(&model, 42, DREAMLET_NO_TRUNCATION, latent, dreamlet_latent_len(&model));
  int32_t class_ = dreamlet_classes(&model) ? 0 : DREAMLET_NO_CLASS;
  if (!error)
    error = dreamlet_generate_rows(&model, latent, dreamlet_latent_len(&model), class_, scratch, sizeof scratch, row, &hash);
  if (error) {
    print(dreamlet_error_text(error));
    print("\n");
    leave(0);
  }
  char text[18] = "0000000000000000\n";
  for (int i = 15; i >= 0; i--, hash >>= 4) text[i] = "0123456789abcdef"[hash & 15];
  print(text);
  leave(1);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, (void *)start, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
