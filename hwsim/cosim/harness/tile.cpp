// SPDX-License-Identifier: Apache-2.0
//
// Runs matrix-vector products on the tile: feeds vectors, clocks, stands in for the analog
// array and its comparators, collects results.
//
// At the edge that ends sample_o = 1 the lines are held: `answer` is shown the digits that the
// tile itself drives and gives samples with 8 fractional bits; a comparator then says
//     sample + lsb / 2 >= trial * lsb,  lsb = 2^(lsb_shift_o + 8).

#include <cstring>
#include <vector>

#include "model.h"
#include "shape.h"  // ROWS, INPUTS, ... of this build

namespace {

using namespace hwsim;

constexpr int SAMPLE_BITS = 8;
constexpr int X_WORDS = (INPUTS * INPUT_BITS + 31) / 32;
constexpr int PLANE_WORDS = (INPUTS + 31) / 32;
constexpr int PLACES = ADCS * COLUMNS_PER_ADC;  // the last converter may have unused ones
constexpr int ANSWERS = (ADCS * COMPARATORS + 31) / 32;
constexpr int64_t LOWEST = CODE_SIGNED ? -(int64_t{1} << (ADC_BITS - 1)) : 0;

extern "C" {
// digits: DAC_BITS planes of PLANE_WORDS words, one bit per input; lanes: samples, overwritten.
typedef void (*Answer)(void* array, const uint32_t* digits, int64_t vector, int64_t phase,
                       int32_t* lanes);

struct Job {
    const uint32_t* x;            // (vectors, X_WORDS)
    const int64_t* partial;       // (vectors, OUTPUTS), read if CONTROL chains
    int64_t* y;                   // (vectors, OUTPUTS)
    int64_t* finished;            // (vectors,) cycle in which the last result was taken
    Answer answer;
    void* array;
    const int32_t* lane_of_line;  // (LINES,) -1: no column of the array lies there
    int64_t lanes;
    int64_t vectors;
    int64_t first;                // number of the first vector in the run
    int64_t phases;               // reads of one product
    int64_t limit;                // cycles after which to give up
    uint64_t pauses;              // seed of random gaps and stalls, 0: none
};
}

class Tile : public Model {
  public:
    void write(uint32_t address, int64_t value) {
        dut->cfg_address_i = address;
        dut->cfg_i = static_cast<uint64_t>(value) & ((uint64_t{1} << SUM_W) - 1);
        dut->cfg_valid_i = 1;
        for (int wait = 0;; ++wait) {
            low();
            const bool taken = dut->cfg_ready_o;
            high();
            if (taken) break;
            if (wait > 1000) fail("the configuration port is never ready");
        }
        dut->cfg_valid_i = 0;
        low();
    }

    int64_t read(uint32_t address) {
        dut->cfg_address_i = address;
        low();
        return extended(dut->cfg_o, SUM_W);
    }

    // Cycles from the first to the last, in which the tile is idle again.
    int64_t run(const Job& job) {
        lanes_.assign(static_cast<std::size_t>(job.lanes), 0);
        std::memset(held_, 0, sizeof held_);
        Pauses x_gap(job.pauses), y_stall(job.pauses * 3), partial_gap(job.pauses * 5);
        const int64_t results = job.vectors * OUTPUTS;
        int64_t fed = 0, sent = 0, taken = 0, samples = 0, cycle = 0;
        bool offered = false, lent = false;
        for (; taken < results || dut->busy_o; ++cycle) {
            if (cycle > job.limit) fail("no end after " + std::to_string(cycle) + " cycles");
            // A beat once offered stays until it is taken.
            if (!offered && fed < job.vectors && !x_gap.pause()) {
                load(dut->x_i, job.x + fed * X_WORDS, X_WORDS);
                offered = true;
            }
            if (!lent && job.partial && sent < results && !partial_gap.pause()) {
                dut->partial_i = static_cast<uint64_t>(job.partial[sent]) & SUM_MASK;
                lent = true;
            }
            dut->x_valid_i = offered;
            dut->partial_valid_i = lent;
            dut->y_ready_i = !y_stall.pause();
            low();
            if (offered && dut->x_ready_o) {
                offered = false;
                ++fed;
            }
            if (lent && dut->partial_ready_o) {
                lent = false;
                ++sent;
            }
            if (dut->y_valid_o && dut->y_ready_i) take(job, taken++, cycle, results);
            compare();
            if (dut->sample_o) sample(job, samples++);
            high();
            if (taken == results) low();  // busy_o
        }
        if (samples != job.vectors * job.phases)
            fail(std::to_string(samples) + " reads of the array, expected " +
                 std::to_string(job.vectors * job.phases));
        return cycle;
    }

  private:
    static constexpr uint64_t SUM_MASK = (uint64_t{1} << SUM_W) - 1;

    void take(const Job& job, int64_t index, int64_t cycle, int64_t results) {
        if (index >= results) fail("more results than were asked for");
        const bool last = (index + 1) % OUTPUTS == 0;
        if (static_cast<bool>(dut->y_last_o) != last)
            fail("y_last_o at result " + std::to_string(index % OUTPUTS));
        job.y[index] = extended(dut->y_o, SUM_W);
        if (last) job.finished[index / OUTPUTS] = cycle;
    }

    // The comparators' answers for the line that each converter sees.
    void compare() {
        int place = -1;
        for (int i = 0; i < (COLUMNS_PER_ADC + 31) / 32; ++i) {
            const uint32_t lines = word(dut->select_o, i);
            if (lines) {
                place = 32 * i + __builtin_ctz(lines);
                if (lines & (lines - 1)) fail("two switches of the multiplexer are closed");
            }
        }
        if (place < 0) return;
        const int shift = dut->lsb_shift_o + SAMPLE_BITS;
        const int64_t half = (int64_t{1} << shift) >> 1;
        uint32_t answers[ANSWERS] = {0};
        for (int a = 0; a < ADCS; ++a) {
            const int64_t seen = held_[a * COLUMNS_PER_ADC + place] + half;
            if (ADC_FLASH) {
                // Comparator c answers from threshold LOWEST + 1 + c on: a thermometer.
                int64_t above = (seen >> shift) - LOWEST;
                above = above < 0 ? 0 : above > COMPARATORS ? COMPARATORS : above;
                for (int c = 0; c < above; ++c) {
                    const int bit = a * COMPARATORS + c;
                    answers[bit / 32] |= uint32_t{1} << bit % 32;
                }
            } else {
                const uint32_t raw = bits(dut->trial_o, a * ADC_BITS, ADC_BITS);
                const int64_t trial = CODE_SIGNED ? extended(raw, ADC_BITS) : raw;
                answers[a / 32] |= static_cast<uint32_t>(seen >= trial * (int64_t{1} << shift))
                                   << a % 32;
            }
        }
        load(dut->above_i, answers, ANSWERS);
    }

    void sample(const Job& job, int64_t number) {
        uint32_t digits[DAC_BITS * PLANE_WORDS];
        for (int b = 0; b < DAC_BITS; ++b) plane(b, digits + b * PLANE_WORDS);
        job.answer(job.array, digits, job.first + number / job.phases, number % job.phases,
                   lanes_.data());
        for (int line = 0; line < LINES; ++line) {
            const int32_t lane = job.lane_of_line[line];
            held_[line] = lane < 0 ? 0 : lanes_[static_cast<std::size_t>(lane)];
        }
    }

    // Bit b of every input's digit; every copy of an input must be driven alike, nothing else.
    void plane(int b, uint32_t* out) {
        for (int i = 0; i < PLANE_WORDS; ++i) out[i] = span(b, 0, i);
        for (int copy = 1; copy < REDUNDANCY; ++copy)
            for (int i = 0; i < PLANE_WORDS; ++i)
                if (span(b, copy, i) != out[i]) fail("copies of an input are driven differently");
        for (int row = INPUTS * REDUNDANCY; row < ROWS; ++row)
            if (bits(dut->wordline_o, b * ROWS + row, 1)) fail("an unused word line is driven");
    }
    uint32_t span(int b, int copy, int i) {
        const int count = INPUTS - 32 * i < 32 ? INPUTS - 32 * i : 32;
        return bits(dut->wordline_o, b * ROWS + copy * INPUTS + 32 * i, count);
    }

    int32_t held_[PLACES] = {0};
    std::vector<int32_t> lanes_;
};

}  // namespace

extern "C" {

void* hwsim_open(const char* waves, char* message, int64_t size) {
    Tile* tile = nullptr;
    const int64_t status = guarded(message, size, [&] {
        tile = new Tile;
        if (waves) tile->record(waves);
        tile->reset();
        return int64_t{0};
    });
    if (status == FAILED) {
        delete tile;
        return nullptr;
    }
    return tile;
}

void hwsim_close(void* tile) { delete static_cast<Tile*>(tile); }

int64_t hwsim_write(void* tile, uint32_t address, int64_t value, char* message, int64_t size) {
    return guarded(message, size, [&] {
        static_cast<Tile*>(tile)->write(address, value);
        return int64_t{0};
    });
}

int64_t hwsim_read(void* tile, uint32_t address) { return static_cast<Tile*>(tile)->read(address); }

int64_t hwsim_run(void* tile, const Job* job, char* message, int64_t size) {
    return guarded(message, size, [&] { return static_cast<Tile*>(tile)->run(*job); });
}
}
