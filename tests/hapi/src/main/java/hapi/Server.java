package hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.provider.ValueSetOperationProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.api.RestOperationTypeEnum;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.exceptions.AuthenticationException;
import ca.uhn.fhir.rest.server.interceptor.CorsInterceptor;
import ca.uhn.fhir.rest.server.interceptor.SearchPreferHandlingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.util.List;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.web.cors.CorsConfiguration;

/**
 * A HAPI FHIR R4 JPA server on 127.0.0.1, data in memory; prints its addresses as one JSON line when it is ready.
 *
 * <p>The same data is served twice: open at {@code /fhir}, and at {@code /secured} to callers with the bearer token of
 * the environment variable HAPI_TOKEN.
 */
public final class Server {
  private Server() {}

  public static void main(String[] args) throws Exception {
    PrintStream results = System.out;
    System.setOut(System.err);
    AnnotationConfigApplicationContext beans = new AnnotationConfigApplicationContext(ServerConfig.class);
    tolerateUnknownCodeSystems(beans.getBean(FhirContext.class), beans.getBean(ValidationSupportChain.class));
    RestfulServer secured = restfulServer(beans);
    secured.registerInterceptor(new BearerToken(System.getenv().getOrDefault("HAPI_TOKEN", "")));

    var jetty = new org.eclipse.jetty.server.Server(new InetSocketAddress("127.0.0.1", 0));
    ServletContextHandler handler = new ServletContextHandler();
    handler.addServlet(new ServletHolder(restfulServer(beans)), "/fhir/*");
    handler.addServlet(new ServletHolder(secured), "/secured/*");
    jetty.setHandler(handler);
    jetty.start();
    String host = "http://127.0.0.1:" + ((ServerConnector) jetty.getConnectors()[0]).getLocalPort();
    results.println("{\"base\": \"" + host + "/fhir\", \"secured\": \"" + host + "/secured\"}");
    results.flush();
    // The parent holds our standard input open: when it dies, so do we.
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  private static RestfulServer restfulServer(AnnotationConfigApplicationContext beans) {
    FhirContext context = beans.getBean(FhirContext.class);
    RestfulServer fhir = new RestfulServer(context);
    fhir.registerProviders(beans.getBean(ResourceProviderFactory.class).createProviders());
    fhir.registerProvider(beans.getBean(JpaSystemProvider.class));
    fhir.registerProvider(beans.getBean(ValueSetOperationProvider.class));
    fhir.setPagingProvider(beans.getBean(DatabaseBackedPagingProvider.class));
    fhir.setServerConformanceProvider(
        new JpaCapabilityStatementProvider(
            fhir,
            beans.getBean(IFhirSystemDao.class),
            beans.getBean(JpaStorageSettings.class),
            beans.getBean(ISearchParamRegistry.class),
            beans.getBean(IValidationSupport.class)));
    fhir.registerInterceptor(new SearchPreferHandlingInterceptor(beans.getBean(ISearchParamRegistry.class)));
    fhir.registerInterceptor(cors());
    return fhir;
  }

  /** The bean of this kind that HAPI makes is in no chain, so $validate would call every CPT code wrong. */
  private static void tolerateUnknownCodeSystems(FhirContext context, ValidationSupportChain chain) {
    var unknown = new UnknownCodeSystemWarningValidationSupport(context);
    unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
    chain.addValidationSupport(unknown);
  }

  private static CorsInterceptor cors() {
    CorsConfiguration configuration = new CorsConfiguration();
    configuration.setAllowedOrigins(List.of("*"));
    configuration.setAllowedMethods(List.of("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"));
    // The default list refuses a preflight that asks for authorization.
    configuration.setAllowedHeaders(List.of("*"));
    configuration.setExposedHeaders(List.of("Location", "Content-Location"));
    return new CorsInterceptor(configuration);
  }

  /** Answers 401 to requests without the one token that the tests hand out. */
  @Interceptor
  public static final class BearerToken {
    private final String expected;

    BearerToken(String token) {
      expected = token.isEmpty() ? null : "Bearer " + token;
    }

    @Hook(Pointcut.SERVER_INCOMING_REQUEST_PRE_HANDLED)
    public void check(RequestDetails request) {
      if (request.getRestOperationType() == RestOperationTypeEnum.METADATA) return;
      if (expected == null || !expected.equals(request.getHeader("Authorization"))) {
        throw new AuthenticationException("A bearer token is needed");
      }
    }
  }
}
