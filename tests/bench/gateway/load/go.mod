module llm-twin/tests/bench/gateway/load

go 1.26
