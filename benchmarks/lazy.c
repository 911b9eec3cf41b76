/* Storage as a plain loop that touches only what has to be touched: what this machine allows.

   Same cells, noise and pair rule as the spiking memory, half the matrix in single precision, in
   rows. Spikes are counted between cells that take part; at the end of a presentation the rule runs
   at pairs of which a cell took part; traces of others decay when they are touched next.
   Compiled as: cc -O3 -ffast-math -march=native lazy.c -lm ; run as: lazy N PATTERNS FILE */
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

static inline double clip(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
static inline double bursting(double x) { return clip((x - 0.4) / 0.05); }

static inline int later(int a, int b) { return a > b ? a : b; }

static inline void decay(float *q, int missed, double factor) {
    if (*q != 0)
        while (missed-- > 0) *q *= factor;
}

static inline void learn_pair(float *w, float *q, double heard, double met, double factor,
                              double threshold, double residual) {
    const double share = met / (heard + 1e-6), enough = clip(heard / 2 - 1);
    const double A = enough * clip((share - 0.5) * 5), M = enough * clip((0.5 - share) * 5);
    const double gate = residual + (1 - residual) * (*q < threshold);
    *w += gate * (0.8 * A * (1 - *w) - 0.26 * M * *w);
    *q *= factor;
    *q += A * (1 - *q);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    const int n = atoi(argv[1]), patterns = atoi(argv[2]), slot = 600, shown = 500, delay = 2;
    const double dt = 0.5e-3, factor = exp(-3.81 / 190), threshold = exp(-3.81), residual = 3. / 190;
    unsigned char *input = malloc((size_t)n * patterns);
    FILE *file = fopen(argv[3], "rb");
    if (!file || fread(input, 1, (size_t)n * patterns, file) != (size_t)n * patterns) return 1;
    const size_t size = (size_t)n * (n - 1) / 2;
    float *w = calloc(size, 4), *q = calloc(size, 4), *count = calloc(size, 4), *met = calloc(n, 4);
    double *v = calloc(n, 8), *x = calloc(n, 8), *h = calloc(n, 8), *heard = calloc(n, 8);
    long *last = malloc(n * sizeof(long));
    int *number = calloc(n, 4), *member = calloc(n, 4), *seen = calloc(n, 4), members = 0, *ring[3];
    int fired[3] = {0, 0, 0};
    for (int k = 0; k < 3; k++) ring[k] = calloc(n, 4);
    for (int i = 0; i < n; i++) last[i] = -100;
    long spikes = 0;
    const clock_t start = clock();
    for (long step = 0; step < (long)slot * patterns; step++) {
        const unsigned char *pattern = input + (step / slot) * n;
        const int learn = step % slot < shown, now = step / slot;
        const uint64_t key = mix(12345 + step * 0x9E3779B97F4A7C15ULL);
        int *fresh = ring[step % 3], *past = ring[(step + 3 - delay) % 3], new = 0;
        for (int i = 0; i < n; i++) {
            const double drive = 2.0 * learn * pattern[i] + 0.67082039 * normal(key, i);
            v[i] += dt / 10e-3 * (drive - v[i]) * (step - last[i] > 11);
            x[i] -= dt / 80e-3 * x[i];
        }
        for (int i = 0; i < n; i++)
            if (v[i] > 1) fresh[new++] = i;
        fired[step % 3] = new;
        spikes += new;
        int sent = 0;
        for (int s = 0; learn && s < fired[(step + 3 - delay) % 3]; s++)
            if (h[past[s]] > 0) past[sent++] = past[s];
        for (int s = 0; s < sent; s++) {
            heard[past[s]] += h[past[s]];
            if (!number[past[s]]) member[members++] = past[s], number[past[s]] = members;
        }
        for (int j = 0; sent && j < n; j++)
            if (x[j] > 0.4 && !number[j]) member[members++] = j, number[j] = members;
        for (int s = 0; s < sent; s++) {
            const size_t own = number[past[s]] - 1;
            for (size_t k = 0; k < own; k++)
                count[own * (own - 1) / 2 + k] += h[past[s]] * bursting(x[member[k]]);
            for (size_t k = own + 1; k < (size_t)members; k++)
                count[k * (k - 1) / 2 + own] += h[past[s]] * bursting(x[member[k]]);
        }
        for (int s = 0; s < new; s++) {
            const int i = fresh[s];
            v[i] = 0;
            last[i] = step;
            h[i] = bursting(x[i]);
            x[i] += 0.3 * (1 - x[i]);
        }
        if (step % slot != slot - 1) continue;
        for (int i = 0; members && i < n; i++) {
            const size_t row = (size_t)i * (2 * n - i - 1) / 2 - i - 1, own = number[i];
            for (int k = 0; own && k < members; k++) {
                const size_t a = own - 1, b = k;
                if (a != b) met[member[k]] = a > b ? count[a * (a - 1) / 2 + b] : count[b * (b - 1) / 2 + a];
            }
            if (own) {
                for (int j = i + 1; j < n; j++) decay(q + row + j, now - later(seen[i], seen[j]), factor);
                for (int j = i + 1; j < n; j++)
                    learn_pair(w + row + j, q + row + j, heard[i] + heard[j], met[j], factor, threshold, residual);
            } else {
                for (int k = 0; k < members; k++) {
                    const int j = member[k];
                    if (j < i) continue;
                    decay(q + row + j, now - later(seen[i], seen[j]), factor);
                    learn_pair(w + row + j, q + row + j, heard[j], 0, factor, threshold, residual);
                }
            }
            for (int k = 0; own && k < members; k++) met[member[k]] = 0;
        }
        for (size_t k = 0; k < (size_t)members * (members - 1) / 2; k++) count[k] = 0;
        for (int k = 0; k < members; k++) number[member[k]] = 0, seen[member[k]] = now + 1;
        for (int i = 0; i < n; i++) heard[i] = 0;
        members = 0;
    }
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    double total = 0;
    for (size_t k = 0; k < size; k++) total += w[k];
    printf("{\"loop\": %.6f, \"spikes\": %ld, \"weight\": %g}\n", seconds, spikes, total / size);
    return 0;
}
