package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A question says how its answer is streamed, in its last message: "frames=64 delay=20". Fields of our own would not reach
// the stub through every gateway.
type question struct {
	Stream   bool
	Messages []struct{ Content string }
}

func stub(arguments []string) error {
	options := flag.NewFlagSet("stub", flag.ExitOnError)
	address := options.String("listen", "127.0.0.1:0", "address; port 0 takes a free one")
	frames := options.Int("frames", 64, "frames of a stream whose question gives none")
	delay := options.Int("delay", 20, "milliseconds between two frames, the same")
	_ = options.Parse(arguments)
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, *frames, *delay)
	})
	routes.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"stub","object":"model","created":0,"owned_by":"stub"}]}`)
	})
	routes.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	fmt.Printf("http://%s\n", listener.Addr())
	return http.Serve(listener, routes)
}

func answer(w http.ResponseWriter, r *http.Request, frames, delay int) {
	raw, err := io.ReadAll(r.Body)
	var asked question
	if err == nil {
		err = json.Unmarshal(raw, &asked)
	}
	if err != nil || len(asked.Messages) == 0 {
		http.Error(w, `{"error":{"message":"the stub wants messages whose content is text"}}`, http.StatusBadRequest)
		return
	}
	if !asked.Stream {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, whole)
		return
	}
	text := asked.Messages[len(asked.Messages)-1].Content
	if at := strings.Index(text, "frames="); at >= 0 {
		_, _ = fmt.Sscanf(text[at:], "frames=%d delay=%d", &frames, &delay)
	}
	stream(w, r, frames, time.Duration(delay)*time.Millisecond)
}

// stream sends the first frame at once and each further one at its own time, however late an earlier one was.
func stream(w http.ResponseWriter, r *http.Request, frames int, delay time.Duration) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	flusher := w.(http.Flusher)
	begun := time.Now()
	for frame := range frames {
		if frame > 0 {
			select {
			case <-time.After(time.Until(begun.Add(time.Duration(frame) * delay))):
			case <-r.Context().Done():
				return
			}
		}
		_, _ = fmt.Fprintf(w, piece, fmt.Sprintf(`{"content":"f%d "}`, frame), "null")
		flusher.Flush()
	}
	_, _ = fmt.Fprintf(w, piece+"data: [DONE]\n\n", "{}", `"stop"`)
}

const piece = `data: {"id":"chatcmpl-stub","object":"chat.completion.chunk","created":1700000000,"model":"stub",` +
	`"choices":[{"index":0,"delta":%s,"finish_reason":%s}]}` + "\n\n"

var whole = `{"id":"chatcmpl-stub","object":"chat.completion","created":1700000000,"model":"stub","choices":[{"index":0,` +
	`"message":{"role":"assistant","content":"` + strings.Repeat("An answer of some hundred words. ", 20) +
	`"},"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":120,"total_tokens":320}}`
