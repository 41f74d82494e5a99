package main

import (
	"flag"
	"io"
	"sync"
	"time"
)

// What a round of plain requests measured.
type round struct {
	P50       float64 `json:"p50"` // milliseconds
	P99       float64 `json:"p99"`
	PerSecond float64 `json:"per_second"`
	Answered  int     `json:"answered"`
	Failed    int     `json:"failed"`
	Reason    string  `json:"reason"`
}

func requests(arguments []string) error {
	options := flag.NewFlagSet("requests", flag.ExitOnError)
	address := options.String("url", "", "where to POST")
	key := options.String("key", "none", "bearer token")
	body := options.String("body", "", "the request's JSON")
	concurrency := options.Int("concurrency", 1, "connections, each with one request at a time")
	span := options.Duration("for", time.Second, "how long")
	_ = options.Parse(arguments)
	asked, err := newTarget(*address, *key, *body)
	if err != nil {
		return err
	}
	workers := make([]worker, *concurrency)
	var running sync.WaitGroup
	begun := time.Now()
	for i := range workers {
		running.Go(func() { workers[i].run(asked, begun.Add(*span)) })
	}
	running.Wait()
	return show(summary(workers, time.Since(begun)))
}

type worker struct {
	times  times
	failed int
	reason string
}

func (w *worker) run(asked target, until time.Time) {
	open, err := asked.connect()
	for err == nil && time.Now().Before(until) {
		begun := time.Now()
		if err = w.once(open, asked); err == nil {
			w.times = append(w.times, time.Since(begun))
		}
	}
	if err != nil {
		w.failed++
		w.reason = err.Error()
		return
	}
	_ = open.Close()
}

func (w *worker) once(open *connection, asked target) error {
	reply, err := open.ask(asked)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != 200 {
		w.failed++
		w.reason = reply.Status + " " + string(raw[:min(len(raw), 300)])
	}
	return err
}

func summary(workers []worker, took time.Duration) round {
	var all times
	made := round{}
	for _, one := range workers {
		all = append(all, one.times...)
		made.Failed += one.failed
		if one.reason != "" {
			made.Reason = one.reason
		}
	}
	made.Answered = len(all)
	made.PerSecond = float64(len(all)) / took.Seconds()
	made.P50, made.P99 = all.quantile(0.5), all.quantile(0.99)
	return made
}
