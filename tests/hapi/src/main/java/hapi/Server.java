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
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.exceptions.AuthenticationException;
import ca.uhn.fhir.rest.server.interceptor.CorsInterceptor;
import ca.uhn.fhir.rest.server.interceptor.SearchPreferHandlingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
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
 * A HAPI FHIR R4 JPA server on 127.0.0.1, data in memory; prints its base address when it is ready.
 *
 * <p>System properties: {@code port} (0, the default, takes a free one) and {@code token}: when set, every request but
 * {@code metadata} must carry it as a bearer token.
 */
public final class Server {
  private Server() {}

  public static void main(String[] args) throws Exception {
    AnnotationConfigApplicationContext beans = new AnnotationConfigApplicationContext(ServerConfig.class);
    RestfulServer fhir = restfulServer(beans);
    String token = System.getProperty("token", "");
    if (!token.isEmpty()) fhir.registerInterceptor(new BearerToken(token));

    var jetty = new org.eclipse.jetty.server.Server(new InetSocketAddress("127.0.0.1", Integer.getInteger("port", 0)));
    ServletContextHandler handler = new ServletContextHandler();
    handler.addServlet(new ServletHolder(fhir), "/fhir/*");
    jetty.setHandler(handler);
    jetty.start();
    int port = ((ServerConnector) jetty.getConnectors()[0]).getLocalPort();
    System.out.println("{\"base\": \"http://127.0.0.1:" + port + "/fhir\"}");
    System.out.flush();
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
    tolerateUnknownCodeSystems(context, beans.getBean(ValidationSupportChain.class));
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
      expected = "Bearer " + token;
    }

    @Hook(Pointcut.SERVER_INCOMING_REQUEST_PRE_HANDLED)
    public void check(RequestDetails request) {
      if ("metadata".equals(request.getOperation())) return;
      if (!expected.equals(request.getHeader("Authorization"))) {
        throw new AuthenticationException("A bearer token is needed");
      }
    }
  }
}
