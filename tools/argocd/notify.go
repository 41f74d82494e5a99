package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/argoproj/notifications-engine/pkg/api"
	"github.com/argoproj/notifications-engine/pkg/services"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// notify reads argocd-notifications-cm, its Secret and an Application, and sends what the notifications controller would: to every
// recipient of a trigger that fires. It writes those triggers. Expressions see the Application alone, none of Argo CD's functions.
func notify(from io.Reader, to io.Writer) error {
	documents := yaml.NewYAMLOrJSONDecoder(from, 4096)
	var config core.ConfigMap
	var secret core.Secret
	application := &unstructured.Unstructured{}
	if err := errors.Join(documents.Decode(&config), documents.Decode(&secret), documents.Decode(application)); err != nil {
		return fmt.Errorf("not a ConfigMap, a Secret and an Application: %w", err)
	}
	parsed, err := api.ParseConfig(&config, &secret)
	if err != nil {
		return err
	}
	vars := func(object map[string]any, _ services.Destination) map[string]any {
		return map[string]any{"app": object}
	}
	engine, err := api.NewAPI(*parsed, vars)
	if err != nil {
		return err
	}
	for trigger, recipients := range parsed.GetGlobalDestinations(application.GetLabels()) {
		if err := fire(engine, trigger, recipients, application.Object, to); err != nil {
			return fmt.Errorf("%s: %w", trigger, err)
		}
	}
	return nil
}

func fire(engine api.API, trigger string, recipients []services.Destination, application map[string]any, to io.Writer) error {
	results, err := engine.RunTrigger(trigger, application)
	if err != nil {
		return err
	}
	for _, result := range results {
		if !result.Triggered {
			continue
		}
		fmt.Fprintln(to, trigger)
		for _, recipient := range recipients {
			if err := engine.Send(application, result.Templates, recipient); err != nil {
				return err
			}
		}
	}
	return nil
}
