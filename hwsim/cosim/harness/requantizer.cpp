// SPDX-License-Identifier: Apache-2.0
//
// Streams sums through the requantizer, each with its channel's constants.

#include "model.h"
#include "shape.h"  // SUM_W, CODE_W of this build

namespace {

using namespace hwsim;

constexpr uint64_t SUM_MASK = (uint64_t{1} << SUM_W) - 1;
constexpr uint64_t CODE_MASK = (uint64_t{1} << CODE_W) - 1;

extern "C" {
struct Job {
    const int64_t* acc;        // (count,), channel of number i: i % channels
    const int64_t* offset;     // (channels,)
    const int64_t* mantissa;   // (channels,)
    const int64_t* shift;      // (channels,)
    int64_t* codes;            // (count,)
    int64_t count;
    int64_t channels;
    int64_t zero_point;
    int64_t low;
    int64_t high;
    uint64_t pauses;           // seed of random gaps and stalls, 0: none
};
}

class Stream : public Model {
  public:
    int64_t run(const Job& job) {
        Pauses gap(job.pauses), stall(job.pauses * 3);
        dut->bypass_i = 0;
        dut->zero_point_i = static_cast<uint64_t>(job.zero_point) & CODE_MASK;
        dut->low_i = static_cast<uint64_t>(job.low) & CODE_MASK;
        dut->high_i = static_cast<uint64_t>(job.high) & CODE_MASK;
        int64_t fed = 0, taken = 0, cycle = 0, channel = 0;
        bool offered = false;
        for (; taken < job.count; ++cycle) {
            if (cycle > 64 * job.count + 1000) fail("the requantizer gives too few codes");
            if (!offered && fed < job.count && !gap.pause()) {
                dut->acc_i = static_cast<uint64_t>(job.acc[fed]) & SUM_MASK;
                dut->offset_i = static_cast<uint64_t>(job.offset[channel]) & SUM_MASK;
                dut->mantissa_i = static_cast<uint32_t>(job.mantissa[channel]);
                dut->shift_i = static_cast<uint8_t>(job.shift[channel]);
                offered = true;
            }
            dut->acc_valid_i = offered;
            dut->code_ready_i = !stall.pause();
            low();
            if (offered && dut->acc_ready_o) {
                offered = false;
                ++fed;
                channel = channel + 1 == job.channels ? 0 : channel + 1;
            }
            if (dut->code_valid_o && dut->code_ready_i)
                job.codes[taken++] = extended(dut->code_o, SUM_W);
            high();
        }
        dut->acc_valid_i = 0;
        return cycle;
    }
};

}  // namespace

extern "C" {

void* hwsim_open(const char* waves, char* message, int64_t size) {
    Stream* stream = nullptr;
    const int64_t status = guarded(message, size, [&] {
        stream = new Stream;
        if (waves) stream->record(waves);
        stream->reset();
        return int64_t{0};
    });
    if (status == FAILED) {
        delete stream;
        return nullptr;
    }
    return stream;
}

void hwsim_close(void* stream) { delete static_cast<Stream*>(stream); }

int64_t hwsim_run(void* stream, const Job* job, char* message, int64_t size) {
    return guarded(message, size, [&] { return static_cast<Stream*>(stream)->run(*job); });
}
}
