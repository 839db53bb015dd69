// SPDX-License-Identifier: Apache-2.0
// A user's program in C++: an engine in an object, events by a callback.
#include <sluice/sluice.h>

#include <iostream>
#include <stdexcept>
#include <string>

namespace
{

class engine
{
  public:
    explicit engine(const char *topology)
    {
        slc_open_options options{};
        options.size = sizeof options;
        options.topology_file = topology;
        options.traffic = "no-cover";
        slc_error error{};
        if (slc_open(&options, &id_, &error) != SLC_OK || slc_add(id_, nullptr, &client_, &error) != SLC_OK) {
            throw std::runtime_error(error.text);
        }
    }
    engine(const engine &) = delete;
    engine &operator=(const engine &) = delete;
    ~engine() { slc_close(id_, nullptr); }

    std::string hello()
    {
        for (int tries = 0; tries < 2000 && heard_.empty(); tries++) {
            std::size_t n = 0;
            if (slc_dispatch(id_, take, this, 0, &n) != SLC_OK) break;
            if (n == 0) slc_wait(id_, 10);
        }
        return heard_;
    }

  private:
    static void take(void *self, const slc_event *event)
    {
        auto &e = *static_cast<engine *>(self);
        if (event->kind == SLC_EVENT_MESSAGE) e.heard_.assign(reinterpret_cast<const char *>(event->data), event->len);
        if (event->kind != SLC_EVENT_READY) return;
        slc_client_info info{};
        info.size = sizeof info;
        if (slc_info(event->client, &info) != SLC_OK || slc_send(event->client, &info.recipient, "hello", 5, nullptr)) {
            std::cerr << "not sent\n";
        }
    }
    slc_engine_id id_{};
    slc_client_id client_{};
    std::string heard_;
};

} // namespace

int main(int argc, char **argv)
try {
    engine e(argc > 1 ? argv[1] : "");
    std::string heard = e.hello();
    std::cout << "libsluice " << slc_version() << " from C++: " << heard << '\n';
    return heard == "hello" ? 0 : 1;
} catch (const std::exception &problem) {
    std::cerr << problem.what() << '\n';
    return 1;
}
