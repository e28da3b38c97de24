/* dreamlet.h: images from compiled models (files of `dreamlet compile`), in C99. No heap, no libc,
   no global state.

   A model is used where it lies, in flash or in memory, and must stay there while it is in use:

     static uint8_t scratch[32 * 1024];                    // at least dreamlet_scratch_len()
     static uint8_t image[28 * 28];                        // dreamlet_image_len()
     float latent[64];                                     // dreamlet_latent_len()
     struct dreamlet_model model;

     int32_t error = dreamlet_open(&model, file, file_len);
     if (error == DREAMLET_OK)
       error = dreamlet_latent(&model, 42, DREAMLET_NO_TRUNCATION, latent, 64);
     if (error == DREAMLET_OK)
       error = dreamlet_generate_u8(&model, latent, 64, DREAMLET_NO_CLASS, scratch, sizeof scratch,
                                    image, sizeof image);
     if (error != DREAMLET_OK)
       puts(dreamlet_error_text(error));

   Functions that return int32_t return DREAMLET_OK or one of the errors below. They may run in
   several threads at once, with buffers of their own; one model serves all of them. */
#ifndef DREAMLET_H
#define DREAMLET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  DREAMLET_OK = 0,
  DREAMLET_POINTER = 1,        /* a pointer is NULL or unaligned, or a buffer is longer than
                                  half of the address space */
  DREAMLET_OVERLAP = 2,        /* two buffers share bytes */
  DREAMLET_NOT_A_MODEL = 3,    /* the bytes are no compiled model */
  DREAMLET_VERSION = 4,        /* the model is of a newer format than this library */
  DREAMLET_DAMAGED = 5,        /* the file is not as long as it says, or its checksum is another */
  DREAMLET_UNALIGNED = 6,      /* the file does not begin at a multiple of 4 bytes */
  DREAMLET_INVALID = 7,        /* a field of the header or of a layer has a value that cannot be */
  DREAMLET_LATENT_LENGTH = 8,  /* the latent does not have dreamlet_latent_len() elements */
  DREAMLET_LATENT_NUMBER = 9,  /* the latent vector holds a NaN or an infinity */
  DREAMLET_CLASS = 10,         /* the class does not exist, or is missing, or the model has none */
  DREAMLET_SCRATCH_LENGTH = 11, /* the scratch memory has fewer than dreamlet_scratch_len() bytes */
  DREAMLET_IMAGE_LENGTH = 12,  /* the image does not have dreamlet_image_len() bytes */
  DREAMLET_ENGINE = 13,        /* a defect of this library */
  DREAMLET_LEFT_OUT = 14       /* the model has f32 layers, and the library no feature `f32` */
};

/* For models without classes. */
#define DREAMLET_NO_CLASS (-1)
/* For latent vectors from all of their distribution. */
#define DREAMLET_NO_TRUNCATION (3.0e38f)

/* An opened model. Its content is for the library alone; it may be copied. */
struct dreamlet_model {
  uint64_t opaque[24];
};

/* Checks the file of `len` bytes at `file` and opens it. Reads every byte once. `file` begins at a
   multiple of 4 bytes; on processors with vector instructions a multiple of 64 is faster. Every
   function below takes a model that was opened with success. */
int32_t dreamlet_open(struct dreamlet_model *model, const void *file, size_t len);

/* Bytes of scratch memory that an image needs, at any address. */
size_t dreamlet_scratch_len(const struct dreamlet_model *model);
/* Elements of the latent vector. */
size_t dreamlet_latent_len(const struct dreamlet_model *model);
/* Bytes of an image: height * width * channels. */
size_t dreamlet_image_len(const struct dreamlet_model *model);
/* Rows of an image. */
size_t dreamlet_height(const struct dreamlet_model *model);
/* Columns of an image. */
size_t dreamlet_width(const struct dreamlet_model *model);
/* 1 for grey, 3 for red, green, blue. */
size_t dreamlet_channels(const struct dreamlet_model *model);
/* Number of classes, 0 for an unconditional model. All of these return 0 for NULL. */
size_t dreamlet_classes(const struct dreamlet_model *model);

/* Draws the latent vector of a seed, the same bits on every processor. Components are at most
   `truncation` in size: DREAMLET_NO_TRUNCATION, or from 0.5 (typical images) to 2 (nearly all
   variety); larger ones are drawn anew, and 0 or NaN gives zeros, one image for every seed. `len`
   is dreamlet_latent_len(). */
int32_t dreamlet_latent(const struct dreamlet_model *model, uint64_t seed, float truncation, float *latent, size_t len);

/* Makes an image: `image` receives dreamlet_image_len() bytes, rows from the top, channels side by
   side. `class_` is DREAMLET_NO_CLASS, or for a model with classes 0 to dreamlet_classes() - 1.
   Buffers must not overlap. */
int32_t dreamlet_generate_u8(const struct dreamlet_model *model, const float *latent, size_t latent_len, int32_t class_,
                             void *scratch, size_t scratch_len, uint8_t *image, size_t image_len);

/* Receives one row of an image: `len` is width * channels. `pixels` is valid until the function
   returns. */
typedef void (*dreamlet_row)(void *context, size_t row, const uint8_t *pixels, size_t len);

/* The same, one row after another from the top, for devices without room for an image. `context` is
   passed on to `row`, which must return: it must not longjmp or throw. */
int32_t dreamlet_generate_rows(const struct dreamlet_model *model, const float *latent, size_t latent_len, int32_t class_,
                               void *scratch, size_t scratch_len, dreamlet_row row, void *context);

/* What an error means and what to do, in English. Never NULL. */
const char *dreamlet_error_text(int32_t error);

#ifdef __cplusplus
}
#endif

#endif
