#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/serialization/frame.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/socket/detail/stream.hpp"
#include "healthai/transport/socket/protocol.hpp"

namespace healthai::detail {

/// Frames over a stream, in both directions. Small ones go through a buffer, together if they wait together; large arrays
/// straight from the sender's memory and straight to the receiver's. Used on the thread of its io_context only.
class FramedConnection : public std::enable_shared_from_this<FramedConnection> {
 public:
  /// Where a frame's arrays go, and what owns that memory.
  struct Reception {
    std::vector<std::span<std::byte>> places{};
    std::shared_ptr<void> owner{};
  };

  FramedConnection(Stream stream, std::uint64_t largest_message)
      : stream_(std::move(stream)),
        largest_(largest_message),
        last_came_(Clock::now()),
        last_went_(last_came_) {}
  FramedConnection(const FramedConnection&) = delete;
  FramedConnection& operator=(const FramedConnection&) = delete;
  virtual ~FramedConnection() = default;

  /// Begins to read; once.
  void start() { read(); }

  void send(FrameKind kind, std::uint64_t request = 0,
            std::shared_ptr<const EncodedMessage> message = nullptr) {
    queue(kind, request, std::move(message));
    flush();
  }
  /// To be sent with what is sent next, or by `flush`: in one write, if it is small.
  void queue(FrameKind kind, std::uint64_t request = 0,
             std::shared_ptr<const EncodedMessage> message = nullptr) {
    if (!closed_ && !closing_) outgoing_.push_back({kind, request, std::move(message)});
  }
  /// Begins to send what was queued, if nothing is being sent.
  void flush() {
    if (in_write_ == 0 && !closed_ && !outgoing_.empty()) write_next();
  }
  /// One value as a frame.
  template <class T>
  void send_value(FrameKind kind, std::uint64_t request, T value) {
    queue_value(kind, request, std::move(value));
    flush();
  }
  template <class T>
  void queue_value(FrameKind kind, std::uint64_t request, T value) {
    queue(kind, request, encode(std::make_shared<const T>(std::move(value))));
  }
  /// Takes a frame back, if its sending has not begun. \return whether there was one
  bool unsend(FrameKind kind, std::uint64_t request) {
    if (closed_) return false;
    const auto begin = outgoing_.begin() + static_cast<std::ptrdiff_t>(in_write_);
    const auto found = std::find_if(begin, outgoing_.end(), [&](const Outgoing& frame) {
      return frame.kind == kind && frame.request == request;
    });
    if (found == outgoing_.end()) return false;
    outgoing_.erase(found);
    return true;
  }
  /// The arrays that are being received are not wanted any more: what comes of them goes nowhere.
  void skip_arrays() noexcept { skipping_ = stage_ == Stage::arrays; }

  /// At once. `on_closed` is called if it was open.
  void close(const std::string& why) {
    if (closed_) return;
    closed_ = true;
    boost::system::error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_both, ignored);
    stream_.socket().close(ignored);
    // What is being sent stays until its handler has run: TLS may look at its bytes once more.
    outgoing_.erase(outgoing_.begin() + static_cast<std::ptrdiff_t>(in_write_), outgoing_.end());
    on_closed(closing_.value_or(why));
  }
  /// Once everything has been sent and the other side has closed: to close with bytes unread would make its system throw away
  /// what was sent last. What still comes is ignored.
  void close_after_sending(std::string why) {
    if (begins_to_close(std::move(why)) && outgoing_.empty()) hang_up();
  }
  /// The same where the handshake of TLS has failed, and has sent its alert. Instead of `start()`.
  void close_after_alert(std::string why) {
    if (!begins_to_close(std::move(why))) return;
    hang_up();
    drain();
  }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// Whether it waits, or waited, for the other side to close.
  [[nodiscard]] bool closing() const noexcept { return closing_.has_value(); }

  /// Something to say, if nothing has been said for so long; the end, if nothing has come or gone for too long.
  void keep_alive(Clock::time_point now, std::chrono::milliseconds every, std::chrono::milliseconds silence) {
    if (closed_) return;
    if (closing_ && now - closing_since_ > silence) {
      close(*closing_);
    } else if (now - last_came_ > silence) {
      close("nothing has come for " + seconds(now - last_came_));
    } else if (in_write_ > 0 && now - last_went_ > silence) {
      close("nothing could be sent for " + seconds(now - last_went_));
    } else if (in_write_ == 0 && now - last_went_ > every) {
      send(FrameKind::ping);
    }
  }
  [[nodiscard]] const Traffic& traffic() const noexcept { return traffic_; }
  [[nodiscard]] Stream& stream() noexcept { return stream_; }
  void allow(std::uint64_t largest_message) noexcept { largest_ = largest_message; }

 protected:
  /// A frame has been announced by its first bytes. \return whether it is wanted: otherwise neither `on_head` is called nor any
  /// memory used. An Error ends the connection.
  virtual bool on_header(const FrameHeader& /*header*/) { return true; }
  /// A frame's head has come. \return nothing: its arrays are skipped. An Error ends the connection.
  virtual std::optional<Reception> on_head(const FrameHeader& header, std::span<const std::byte> head) = 0;
  /// All of it has come. \param skipped  whether its arrays, or all of it, went nowhere
  virtual void on_frame(const FrameHeader& header, bool skipped) = 0;
  virtual void on_closed(const std::string& why) = 0;
  /// It will close: there is only the other side to wait for.
  virtual void on_closing(const std::string& /*why*/) {}
  /// So many bytes have gone or come.
  virtual void on_traffic(std::size_t /*sent*/, std::size_t /*received*/) {}
  /// What an error of the stream means.
  [[nodiscard]] virtual std::string reason(const boost::system::error_code& error) {
    if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
      return "the other side closed the connection";
    }
    return error.message();
  }
  /// An Error in what came: says so to the other side, if that is polite, and closes.
  virtual void on_nonsense(const Error& error) { close(error.what()); }

 private:
  struct Outgoing {
    FrameKind kind;
    std::uint64_t request;
    std::shared_ptr<const EncodedMessage> message;
  };
  static constexpr std::size_t least_input = 4096;
  static constexpr std::size_t small = std::size_t{1} << 15U;  // so much is copied rather than sent in pieces
  /// Of a large array so much is handed to the system at a time. On the way to a process of the same machine it is then still in the
  /// processor's cache when it is read there; and the other connections have their turn soon.
  static constexpr std::size_t most_at_once = std::size_t{1} << 18U;

  static std::string seconds(Clock::duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
  }

  /// \return whether it was open
  bool begins_to_close(std::string why) {
    if (closed_ || closing_) return false;
    closing_ = std::move(why);
    closing_since_ = Clock::now();
    on_closing(*closing_);
    return true;
  }
  void hang_up() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  }

  /// Reads what still comes, beneath TLS, until the other side has closed.
  void drain() {
    input_.resize((std::max)(input_.size(), least_input));
    stream_.socket().async_read_some(
        asio::buffer(input_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t /*count*/) {
          if (self->closed_) return;
          if (error) return self->close(*self->closing_);
          self->drain();
        });
  }

  // Writing.

  void write_next() {
    if (outgoing_.empty()) {
      text_ = {};
      if (closing_) hang_up();
      return;
    }
    pieces_.assign(1, {});  // the first is the text, once that is complete
    next_piece_ = 0;
    text_.clear();
    text_.reserve(static_cast<std::size_t>((std::min<std::uint64_t>)(size_of(outgoing_.front()), small)));
    do {
      append(outgoing_[in_write_++]);
    } while (pieces_.size() == 1 && in_write_ < outgoing_.size() &&
             text_.size() + size_of(outgoing_[in_write_]) <= small);
    pieces_.front() = text_;
    last_went_ = Clock::now();
    write();
  }
  [[nodiscard]] static std::uint64_t size_of(const Outgoing& frame) {
    return frame_header_size +
           (frame.message ? frame.message->head.size() + frame.message->array_bytes() : std::uint64_t{0});
  }
  void append(const Outgoing& frame) {
    const std::uint64_t arrays = frame.message ? frame.message->array_bytes() : 0;
    const std::size_t head = frame.message ? frame.message->head.size() : 0;
    const FrameHeaderBytes header =
        to_frame_header_bytes({static_cast<std::uint32_t>(frame.kind), frame.request, head, arrays});
    text_.insert(text_.end(), header.begin(), header.end());
    if (!frame.message) return;
    if (head > small) {
      pieces_.emplace_back(frame.message->head);
    } else {
      text_.insert(text_.end(), frame.message->head.begin(), frame.message->head.end());
    }
    for (const auto& array : frame.message->arrays) {
      if (head + arrays > small) {
        pieces_.push_back(array);
      } else {
        text_.insert(text_.end(), array.begin(), array.end());
      }
    }
  }
  void write() {
    const std::span<const std::byte> piece = pieces_[next_piece_];
    if (next_piece_ == 0) {  // small frames do not wait for the loop's next turn
      const std::size_t count = stream_.write_now(asio::buffer(piece.data(), piece.size()));
      if (count > 0) return wrote(count);
    }
    stream_.async_write_some(
        asio::buffer(piece.data(), (std::min)(piece.size(), most_at_once)),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t count) {
          if (self->closed_) return;
          if (error) return self->close(self->reason(error));
          self->wrote(count);
        });
  }
  void wrote(std::size_t count) {
    last_went_ = Clock::now();
    traffic_.sent += count;
    on_traffic(count, 0);
    std::span<const std::byte>& piece = pieces_[next_piece_];
    piece = piece.subspan(count);
    while (next_piece_ < pieces_.size() && pieces_[next_piece_].empty()) ++next_piece_;
    if (next_piece_ < pieces_.size()) return write();
    outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(in_write_));
    in_write_ = 0;
    write_next();
  }

  // Reading: a header, its head, its arrays, and again.

  enum class Stage : std::uint8_t { header, head, arrays };

  /// Where the next bytes belong; never empty.
  std::span<std::byte> destination() {
    if (stage_ == Stage::header) return std::span(header_bytes_).subspan(static_cast<std::size_t>(got_));
    if (stage_ == Stage::head && wanted_) {
      if (got_ ==
          head_.size()) {  // as much again as has come: memory follows what is there, not what is promised
        const std::uint64_t size = (std::max<std::uint64_t>)(2 * got_, least_input);
        head_.resize(static_cast<std::size_t>((std::min)(header_.head, size)));
      }
      return std::span(head_).subspan(static_cast<std::size_t>(got_));
    }
    if (stage_ == Stage::arrays && !skipping_) return reception_.places[place_];
    nowhere_.resize(std::size_t{1} << 16U);
    const std::uint64_t size = stage_ == Stage::head ? header_.head : header_.arrays;
    return std::span(nowhere_).first(
        static_cast<std::size_t>((std::min<std::uint64_t>)(nowhere_.size(), size - got_)));
  }
  /// So many bytes are at their destination.
  void take(std::size_t count) {
    got_ += count;
    if (stage_ == Stage::header) {
      if (got_ < frame_header_size) return;
      header_ = frame_header(header_bytes_, largest_);
      wanted_ = on_header(header_);
      head_ = {};
      stage_ = Stage::head;
      got_ = 0;
    }
    if (stage_ == Stage::head) {
      if (got_ < header_.head) return;
      take_head();
      if (closed_) return;
      stage_ = Stage::arrays;
      got_ = 0;
      count = 0;
    }
    if (!skipping_ && !reception_.places.empty() && count > 0) {
      auto& place = reception_.places[place_];
      place = place.subspan(count);
      if (place.empty()) ++place_;
    }
    if (got_ < header_.arrays) return;
    const bool skipped = std::exchange(skipping_, false) || !wanted_;
    reception_ = {};
    nowhere_ = {};
    stage_ = Stage::header;
    got_ = 0;
    on_frame(header_, skipped);
  }
  void take_head() {
    if (!wanted_) {
      skipping_ = header_.arrays > 0;
      reception_ = {};
      return;
    }
    const std::vector<std::byte> head = std::exchange(head_, {});
    std::optional<Reception> reception = on_head(header_, head);
    skipping_ = !reception && header_.arrays > 0;
    reception_ = reception ? std::move(*reception) : Reception{};
    place_ = 0;
    std::erase_if(reception_.places, [](const auto& place) { return place.empty(); });
    std::uint64_t room = 0;
    for (const auto& place : reception_.places) room += place.size();
    if (!skipping_ && room != header_.arrays) {
      throw Error(error::archive_corrupt, "a message has " + std::to_string(header_.arrays) +
                                              " bytes of arrays, but there is room for " +
                                              std::to_string(room));
    }
  }

  void read() {
    const std::span<std::byte> place = closing_ ? std::span<std::byte>() : destination();
    const bool straight = place.size() >= (std::max)(input_.size(), least_input);
    if (!straight) {
      if (input_.empty() || (input_filled_ && input_.size() < small)) {
        input_.resize((std::max)(2 * input_.size(), least_input));
      }
      input_filled_ = false;
    }
    stream_.async_read_some(
        straight ? asio::buffer(place.data(), place.size()) : asio::buffer(input_),
        [self = shared_from_this(), straight](const boost::system::error_code& error, std::size_t count) {
          self->came(error, count, straight);
        });
  }
  void came(const boost::system::error_code& error, std::size_t count, bool straight) {
    if (closed_) return;
    if (error) return close(closing_ ? *closing_ : reason(error));
    last_came_ = Clock::now();
    traffic_.received += count;
    on_traffic(0, count);
    try {
      if (closing_) return read();
      if (straight) {
        take(count);
      } else {
        input_filled_ = count == input_.size();
        std::span<const std::byte> bytes = std::span(input_).first(count);
        while (!bytes.empty() && !closed_ && !closing_) {
          const std::span<std::byte> place = destination();
          const std::size_t part = (std::min)(place.size(), bytes.size());
          std::memcpy(place.data(), bytes.data(), part);
          bytes = bytes.subspan(part);
          take(part);
        }
      }
      if (skipping_) reception_ = {};  // nothing is on its way into that memory any more
      if (closed_) return;
      if (stage_ != Stage::header || got_ > 0) return read();
      // The other side may wait for an answer to what it has sent, and that goes first.
      return asio::post(stream_.socket().get_executor(), [self = shared_from_this()] {
        if (!self->closed_) self->read();
      });
    } catch (const Error& e) {
      on_nonsense(e);
    } catch (const std::bad_alloc&) {
      on_nonsense(Error(error::archive_limit, "there is no memory for what was promised"));
    } catch (const std::exception& e) {  // of a type that a message is read into
      on_nonsense(Error(error::archive_corrupt, std::string("what came cannot be read: ") + e.what()));
    }
    if (closed_) return;
    if (!closing_) return close("what came could not be read");
    read();  // until the other side has closed
  }

  Stream stream_;
  std::uint64_t largest_;
  Clock::time_point last_came_;
  Clock::time_point last_went_;
  Traffic traffic_{};
  bool closed_ = false;
  std::optional<std::string> closing_;
  Clock::time_point closing_since_{};

  std::deque<Outgoing> outgoing_;
  std::size_t in_write_ = 0;     // so many of them, the first, are being sent
  std::vector<std::byte> text_;  // what of the frames being sent was copied
  std::vector<std::span<const std::byte>> pieces_;
  std::size_t next_piece_ = 0;

  Stage stage_ = Stage::header;
  std::uint64_t got_ = 0;  // bytes of this stage
  FrameHeaderBytes header_bytes_{};
  FrameHeader header_{};
  std::vector<std::byte> head_;
  bool wanted_ = true;  // the frame being received
  Reception reception_{};
  std::size_t place_ = 0;
  bool skipping_ = false;
  std::vector<std::byte> nowhere_;
  std::vector<std::byte> input_;  // grows where one reading fills it: a client that says little costs little
  bool input_filled_ = false;
};

}  // namespace healthai::detail
