// Command argo-lint holds manifests of Argo Workflows to its own linter, without a cluster: all files are read together, so that
// what one refers to is found in another. `argo-lint retry EXPRESSION STATUS EXIT-CODE MESSAGE` says whether a step that ended so
// would be tried again, and `argo-lint fill TEXT KEY=VALUE|@FILE...` what a text becomes, both as the controller evaluates it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/argo-workflows/v3/cmd/argo/lint"
	"github.com/argoproj/argo-workflows/v3/pkg/apiclient"
	"github.com/argoproj/argo-workflows/v3/pkg/apis/workflow"
	"github.com/argoproj/argo-workflows/v3/util/expr/argoexpr"
	"github.com/argoproj/argo-workflows/v3/util/expr/env"
	"github.com/argoproj/argo-workflows/v3/util/template"
)

func main() {
	defer func() { // 3.7.3 falls over a template that is named and not there, where pods have metadata
		if broken := recover(); broken != nil {
			fail(fmt.Errorf("a template that is named is not there (%v)", broken))
		}
	}()
	files := os.Args[1:]
	if len(files) == 0 {
		fail(fmt.Errorf("usage: argo-lint FILE... | argo-lint retry EXPRESSION STATUS EXIT-CODE MESSAGE | argo-lint fill TEXT KEY=VALUE|@FILE..."))
	}
	if len(files) > 2 && files[0] == "fill" {
		fill(files[1], files[2:])
		return
	}
	if len(files) == 5 && files[0] == "retry" {
		retry(files[1], files[2], files[3], files[4])
		return
	}
	lintFiles(files)
}

func retry(expression, status, exitCode, message string) {
	last := map[string]interface{}{
		"lastRetry.status": status, "lastRetry.exitCode": exitCode, "lastRetry.message": message, "lastRetry.duration": "1", "retries": "0",
	}
	again, err := argoexpr.EvalBool(expression, env.GetFuncMap(last))
	if err != nil {
		fail(err)
	}
	fmt.Println(again)
}

func fill(text string, pairs []string) {
	values := map[string]string{}
	for _, pair := range pairs {
		if file, found := strings.CutPrefix(pair, "@"); found { // of a value that is too large for an argument
			read, err := os.ReadFile(file)
			if err != nil {
				fail(err)
			}
			pair = string(read)
		}
		key, value, _ := strings.Cut(pair, "=")
		values[key] = value
	}
	asJSON, err := json.Marshal(text) // templates are filled in as JSON
	if err != nil {
		fail(err)
	}
	filled, err := template.Replace(string(asJSON), values, false)
	if err != nil {
		fail(err)
	}
	if err := json.Unmarshal([]byte(filled), &text); err != nil {
		fail(err)
	}
	fmt.Println(text)
}

func lintFiles(files []string) {
	ctx, client, err := apiclient.NewClientFromOpts(apiclient.Opts{Context: context.Background(), Offline: true, OfflineFiles: files})
	if err != nil {
		fail(err)
	}
	kinds := []string{workflow.WorkflowPlural, workflow.WorkflowTemplatePlural, workflow.CronWorkflowPlural}
	options := lint.LintOptions{Files: files, Strict: true, Printer: os.Stdout}
	if err := lint.RunLint(ctx, client, kinds, "simple", true, options); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
