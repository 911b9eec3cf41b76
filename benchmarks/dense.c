/* The storage phase as a plain dense loop: what this machine allows.

   Same cells, same noise, same pair rule as the spiking memory; full matrix in single precision,
   one contiguous pass over the row and one strided pass over the column of a spiking cell.
   Compiled as: cc -O3 -ffast-math -march=native dense.c -lm ; run as: dense N PATTERNS FILE */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static inline double normal(uint64_t key, int i) {
    const uint64_t bits = mix(key + ((uint64_t)i + 1) * 0x9E3779B97F4A7C15ULL);
    uint32_t low = (uint32_t)bits;
    low = low - ((low >> 1) & 0x55555555u);
    low = (low & 0x33333333u) + ((low >> 2) & 0x33333333u);
    low = (low + (low >> 4)) & 0x0F0F0F0Fu;
    const int32_t count = (int32_t)((low * 0x01010101u) >> 24);
    const int32_t dither = (int32_t)(bits >> 48) - (int32_t)((bits >> 32) & 0xFFFF);
    return (double)((count - 16) * 65536 + dither) * 5.339463899424956e-06;
}

static inline float clip(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

int main(int argc, char **argv) {
    const int n = atoi(argv[1]), patterns = atoi(argv[2]), slot = 600, shown = 500, delay = 2;
    const double dt = 0.5e-3;
    unsigned char *input = malloc((size_t)n * patterns);
    FILE *file = fopen(argv[3], "rb");
    if (!file || fread(input, 1, (size_t)n * patterns, file) != (size_t)n * patterns) return 1;
    const size_t size = (size_t)n * n;
    float *w = calloc(size, 4), *c = calloc(size, 4), *m = calloc(size, 4), *q = calloc(size, 4);
    double *v = calloc(n, 8), *x = calloc(n, 8), *g = calloc(n, 8), *fac = calloc(n, 8);
    double *last = calloc(n, 8), *h = calloc(n, 8);
    float *u = calloc(n, 4), *gain = calloc(n, 4);
    int *ring[3], fired[3] = {0, 0, 0};
    for (int k = 0; k < 3; k++) ring[k] = calloc(n, sizeof(int));
    for (int i = 0; i < n; i++) last[i] = -1e4;
    long spikes = 0;
    const clock_t start = clock();
    for (long step = 0; step < (long)slot * patterns; step++) {
        const double t = step * dt;
        const unsigned char *pattern = input + (step / slot) * n;
        const float learn = step % slot < shown;
        const uint64_t key = mix(12345 + step * 0x9E3779B97F4A7C15ULL);
        for (int i = 0; i < n; i++) {
            const double drive = 2.0 * learn * pattern[i] + 0.67082039 * normal(key, i);
            v[i] += dt / 10e-3 * (drive - v[i]) * (t - last[i] > 5.75e-3);
            g[i] -= dt / 20e-3 * g[i];
            x[i] -= dt / 20e-3 * x[i];
            fac[i] -= dt / 80e-3 * fac[i];
            u[i] = clip((x[i] / 0.7 - 0.25) / 0.75);
        }
        int *now = ring[step % 3];
        int count = 0;
        for (int i = 0; i < n; i++)
            if (v[i] > 1) now[count++] = i;
        fired[step % 3] = count;
        spikes += count;
        const int past = (step + 3 - delay) % 3;
        for (int s = 0; s < fired[past]; s++) {
            const int i = ring[past][s];
            float *wi = w + (size_t)i * n, *ci = c + (size_t)i * n, *mi = m + (size_t)i * n;
            for (int j = 0; j < n; j++) {
                g[j] += wi[j] * h[i];
                ci[j] += learn * u[j];
                mi[j] += learn * (1 - u[j]);
            }
            float *cj = c + i, *mj = m + i;
            for (size_t k = 0; k < (size_t)n; k++) {
                cj[k * n] += learn * u[k];
                mj[k * n] += learn * (1 - u[k]);
            }
        }
        for (int s = 0; s < count; s++) {
            const int i = now[s];
            v[i] = 0;
            last[i] = t;
            h[i] = clip((fac[i] - 0.4) / 0.05);
            x[i] += 0.4 * (1 - x[i]);
            fac[i] += 0.3 * (1 - fac[i]);
        }
        if (step % slot == slot - 1)
            for (size_t k = 0; k < size; k++) {
                const float A = clip((c[k] - 6) * 0.4f), M = clip((m[k] - 6) / 6) * (1 - A);
                const float open = 0.04f + 0.96f * (q[k] < 0.0221f);
                w[k] += open * (0.8f * A * (1 - w[k]) - 0.26f * M * w[k]);
                q[k] = q[k] * 0.975f + A * (1 - q[k] * 0.975f);
                c[k] = m[k] = 0;
            }
    }
    printf("{\"loop\": %.6f, \"spikes\": %ld, \"check\": %g}\n",
           (double)(clock() - start) / CLOCKS_PER_SEC, spikes, w[1]);
    return 0;
}
